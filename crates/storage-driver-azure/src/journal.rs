//! What `close` leaves for whoever goes on: which blocks are staged where, and the bytes that are not yet a block.
//!
//! ```text
//! wharf-azure-upload 1
//! stage data~staged-…          where the blocks wait, below the folder of the file; left out when there is none
//! blocks <writer, hex> <index of the first> <how many> <size of each>
//! …
//! tail <size>
//! <so many bytes>
//! ```

use bytes::Bytes;

use crate::segments::Segments;
use crate::service::BlockId;

const TITLE: &str = "wharf-azure-upload 1";

/// The most blocks that the service makes a blob of.
pub(crate) const MAX_BLOCKS: u32 = 50_000;

/// The most that a journal holds before its tail, in bytes: a line for every block.
pub(crate) const HEAD_MAX_BYTES: usize = 64 * MAX_BLOCKS as usize;

/// What was begun and not finished.
#[derive(Debug, Clone, Default)]
pub(crate) struct Journal {
    /// The last component of the key where blocks wait.
    pub(crate) stage: Option<String>,
    pub(crate) blocks: Blocks,
    pub(crate) tail: Segments,
}

/// Why a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal of an upload is damaged")]
pub(crate) struct Damaged;

impl Journal {
    pub(crate) fn encode(self) -> Segments {
        let mut head = format!("{TITLE}\n");
        if let Some(stage) = &self.stage {
            head += &format!("stage {stage}\n");
        }
        for run in &self.blocks.runs {
            head += &format!("blocks {:x} {} {} {}\n", run.writer, run.first, run.count, run.size);
        }
        head += &format!("tail {}\n", self.tail.len());
        let mut all = Segments::from(Bytes::from(head));
        self.tail.into_pieces().into_iter().for_each(|piece| all.push(piece));
        all
    }

    pub(crate) fn decode(mut bytes: Bytes) -> Result<Self, Damaged> {
        if take_line(&mut bytes)? != TITLE {
            return Err(Damaged);
        }
        let mut journal = Self::default();
        loop {
            let line = take_line(&mut bytes)?;
            let (word, rest) = line.split_once(' ').ok_or(Damaged)?;
            match word {
                "stage" if journal.stage.is_none() => journal.stage = Some(rest.to_owned()),
                "blocks" => journal.blocks.add_run(Run::decode(rest)?)?,
                "tail" if number::<usize>(Some(rest))? == bytes.len() => break,
                _ => return Err(Damaged),
            }
        }
        if journal.stage.is_none() && journal.blocks.count > 0 {
            return Err(Damaged);
        }
        journal.tail = bytes.into();
        Ok(journal)
    }
}

/// Blocks in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    runs: Vec<Run>,
    count: u32,
    bytes: u64,
}

/// Blocks of one writer, one after another, of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    writer: u64,
    first: u32,
    count: u32,
    /// Of each, in bytes.
    size: u32,
}

impl Blocks {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there can be no more.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= MAX_BLOCKS
    }

    /// What they hold together, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a block at the end.
    pub(crate) fn push(&mut self, id: BlockId, size: u32) {
        self.count += 1;
        self.bytes += u64::from(size);
        if let Some(run) = self.runs.last_mut()
            && (run.writer, run.first + run.count, run.size) == (id.writer, id.index, size)
        {
            run.count += 1;
        } else {
            self.runs.push(Run { writer: id.writer, first: id.index, count: 1, size });
        }
    }

    /// The names of all.
    pub(crate) fn ids(&self) -> Vec<BlockId> {
        let of_run = |run: &Run| {
            let writer = run.writer;
            (run.first..run.first + run.count).map(move |index| BlockId { writer, index })
        };
        self.runs.iter().flat_map(of_run).collect()
    }

    fn add_run(&mut self, run: Run) -> Result<(), Damaged> {
        self.count = self.count.checked_add(run.count).filter(|count| *count <= MAX_BLOCKS).ok_or(Damaged)?;
        self.bytes += u64::from(run.count) * u64::from(run.size);
        self.runs.push(run);
        Ok(())
    }
}

impl Run {
    fn decode(text: &str) -> Result<Self, Damaged> {
        let mut words = text.split(' ');
        let writer = words.next().and_then(|word| u64::from_str_radix(word, 16).ok()).ok_or(Damaged)?;
        let (first, count, size) = (number(words.next())?, number(words.next())?, number(words.next())?);
        let run = Self { writer, first, count, size };
        match run.first.checked_add(run.count) {
            Some(_) if run.count > 0 && words.next().is_none() => Ok(run),
            _ => Err(Damaged),
        }
    }
}

fn number<N: std::str::FromStr>(word: Option<&str>) -> Result<N, Damaged> {
    word.and_then(|word| word.parse().ok()).ok_or(Damaged)
}

fn take_line(bytes: &mut Bytes) -> Result<String, Damaged> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Damaged)?;
    let line = bytes.split_to(end + 1);
    String::from_utf8(line[..end].to_vec()).map_err(|_| Damaged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_of_one_writer_and_size_take_one_line() {
        let mut journal = Journal { stage: Some("data~staged-1-2".to_owned()), ..Journal::default() };
        for index in 0..3 {
            journal.blocks.push(BlockId { writer: 0xabc, index }, 8);
        }
        journal.blocks.push(BlockId { writer: 0xabc, index: 3 }, 5);
        journal.tail = Bytes::from_static(b"end\n").into();
        let text = journal.encode().into_pieces().concat();
        let expected =
            "wharf-azure-upload 1\nstage data~staged-1-2\nblocks abc 0 3 8\nblocks abc 3 1 5\ntail 4\nend\n";
        assert_eq!(text, expected.as_bytes());
    }

    #[test]
    fn damage_is_noticed() {
        for text in [
            "",
            "wharf-azure-upload 2\ntail 0\n",
            "wharf-azure-upload 1\n",
            "wharf-azure-upload 1\ntail 1\n",
            "wharf-azure-upload 1\ntail 0\nx",
            "wharf-azure-upload 1\nblocks 1 0 1 1\ntail 0\n",
            "wharf-azure-upload 1\nstage s\nblocks 1 0 0 1\ntail 0\n",
            "wharf-azure-upload 1\nstage s\nblocks 1 0 50001 1\ntail 0\n",
            "wharf-azure-upload 1\nstage s\nblocks 1 4294967295 2 1\ntail 0\n",
            "wharf-azure-upload 1\nstage s\nblocks 1 0 1\ntail 0\n",
            "wharf-azure-upload 1\nstage s\nstage t\ntail 0\n",
        ] {
            assert!(Journal::decode(text.to_owned().into()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            blocks in prop::collection::vec((0u64..3, 0u32..4, 1u32..3), 0..40),
            tail in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut journal = Journal { stage: Some("s".to_owned()), ..Journal::default() };
            for (writer, index, size) in &blocks {
                journal.blocks.push(BlockId { writer: *writer, index: *index }, *size);
            }
            journal.tail = Bytes::from(tail.clone()).into();
            let read = Journal::decode(journal.clone().encode().into_pieces().concat().into()).unwrap();
            prop_assert_eq!(&read.blocks, &journal.blocks);
            prop_assert_eq!(read.blocks.bytes(), blocks.iter().map(|(_, _, size)| u64::from(*size)).sum::<u64>());
            prop_assert_eq!(read.blocks.ids().len(), blocks.len());
            prop_assert_eq!(read.tail.into_pieces().concat(), tail);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Journal::decode([b"wharf-azure-upload 1\n", &bytes[..]].concat().into());
        }
    }
}
