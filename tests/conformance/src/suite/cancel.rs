//! Uploads that are given up.

use super::chunks::two_chunks;
use super::suite;
use crate::case::Case;
use crate::check::{Verdict, skip};
use crate::upload::Upload;

suite![
    a_cancelled_upload_is_204,
    a_cancelled_upload_is_gone,
    an_upload_with_chunks_is_cancelled,
    cancelling_an_unknown_upload_is_404,
];

async fn a_cancelled_upload_is_204(case: &Case) -> Verdict {
    let upload = case.repository().start().await?;
    cancel(&upload).await
}

async fn a_cancelled_upload_is_gone(case: &Case) -> Verdict {
    let upload = case.repository().start().await?;
    cancel(&upload).await?;
    upload.must_be_gone().await?;
    let blob = case.blob(upload.chunk_len(100));
    upload.chunk(0, blob.bytes.clone()).send().await?.must_be(404)?;
    upload.close(&blob.digest(), blob.bytes.clone()).send().await?.must_be(404)?;
    Ok(())
}

async fn an_upload_with_chunks_is_cancelled(case: &Case) -> Verdict {
    let repository = case.repository();
    let (upload, blob) = two_chunks(case, &repository).await?;
    cancel(&upload).await?;
    upload.must_be_gone().await?;
    upload.close_bare(&blob.digest()).send().await?.must_be(404)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn cancelling_an_unknown_upload_is_404(case: &Case) -> Verdict {
    let upload = case.repository().start().await?;
    cancel(&upload).await?;
    upload.cancel().send().await?.must_be(404)?;
    Ok(())
}

async fn cancel(upload: &Upload<'_>) -> Verdict {
    let answer = upload.cancel().send().await?;
    if answer.status() == 405 {
        return skip("uploads cannot be cancelled (405)");
    }
    answer.must_be(204)?;
    Ok(())
}
