//! Tags, manifests and blobs that go. What is deleted is gone for the next request, from whatever side it looks.

use super::suite;
use crate::case::{Case, Repository, tags_of};
use crate::check::{Verdict, ensure, skip};
use crate::exchange::Answer;
use crate::fixture::{Algorithm, Document, OCI_CONFIG, OCI_LAYER, image, index, unknown_digest};
use crate::target::Sparse;

suite![
    a_deleted_tag_is_202_or_says_that_it_cannot_be,
    a_deleted_tag_is_gone_at_once,
    a_deleted_tag_leaves_its_manifest_and_other_tags,
    deleting_an_unknown_tag_is_404,
    a_repository_without_tags_left_lists_none,
    a_deleted_manifest_is_202_or_says_that_it_cannot_be,
    a_deleted_manifest_is_gone_at_once,
    the_tags_of_a_deleted_manifest_are_gone_at_once,
    a_deleted_index_leaves_its_images,
    deleting_an_unknown_manifest_is_404,
    deleting_a_manifest_of_an_unknown_repository_is_404,
    a_manifest_deleted_twice_is_404,
    a_deleted_manifest_can_be_pushed_again,
    a_deleted_blob_is_202_or_says_that_it_cannot_be,
    a_deleted_blob_is_gone_at_once,
    a_deleted_blob_stays_in_other_repositories,
    deleting_an_unknown_blob_is_404,
    a_blob_deleted_twice_is_404,
    a_deleted_blob_can_be_pushed_again,
    a_deleted_blob_is_missing_from_new_manifests,
];

async fn a_deleted_tag_is_202_or_says_that_it_cannot_be(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("tag").await?;
    repository.delete_manifest("tag").send().await?.must_be_one_of(&[202, 400, 405])?;
    Ok(())
}

async fn a_deleted_tag_is_gone_at_once(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_tags(&["goes", "stays"]).await?;
    warm(&repository, "goes").await?;
    supported(&repository.delete_manifest("goes").send().await?)?;
    let answer = repository.get_manifest("goes").send().await?;
    answer.must_be(404)?.code_must_be(&["MANIFEST_UNKNOWN"])?;
    repository.head_manifest("goes").send().await?.must_be(404)?;
    let tags = repository.tags().await?;
    ensure(tags == ["stays"], || format!("the tags are {tags:?}"))
}

async fn a_deleted_tag_leaves_its_manifest_and_other_tags(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_tags(&["a", "a-b", "b"]).await?;
    supported(&repository.delete_manifest("a").send().await?)?;
    for reference in ["a-b", "b", &document.digest()] {
        repository.get_manifest(reference).send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    }
    Ok(())
}

async fn deleting_an_unknown_tag_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_tags(&["ab", "c"]).await?;
    supported(&repository.delete_manifest("c").send().await?)?;
    for tag in ["a", "c", "unknown"] {
        let answer = repository.delete_manifest(tag).send().await?;
        answer.must_be(404)?.code_must_be(&["MANIFEST_UNKNOWN"])?;
    }
    Ok(())
}

async fn a_repository_without_tags_left_lists_none(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_tags(&["only"]).await?;
    supported(&repository.delete_manifest("only").send().await?)?;
    let answer = case.get(repository.tags_path()).send().await?;
    if answer.must_be_one_of(&[200, 404])?.status() == 200 {
        let tags = tags_of(&answer)?;
        ensure(tags.is_empty(), || answer.fault("there should be no tags"))?;
    }
    Ok(())
}

async fn a_deleted_manifest_is_202_or_says_that_it_cannot_be(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_untagged().await?;
    repository.delete_manifest(&document.digest()).send().await?.must_be_one_of(&[202, 400, 405])?;
    Ok(())
}

async fn a_deleted_manifest_is_gone_at_once(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_untagged().await?;
    warm(&repository, &document.digest()).await?;
    supported(&repository.delete_manifest(&document.digest()).send().await?)?;
    let answer = repository.get_manifest(&document.digest()).send().await?;
    answer.must_be(404)?.code_must_be(&["MANIFEST_UNKNOWN"])?;
    repository.head_manifest(&document.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn the_tags_of_a_deleted_manifest_are_gone_at_once(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_tags(&["one", "two"]).await?;
    repository.push_image("other").await?;
    for tag in ["one", "two"] {
        warm(&repository, tag).await?;
    }
    supported(&repository.delete_manifest(&document.digest()).send().await?)?;
    for tag in ["one", "two"] {
        repository.get_manifest(tag).send().await?.must_be(404)?;
        repository.head_manifest(tag).send().await?.must_be(404)?;
    }
    let tags = repository.tags().await?;
    ensure(tags == ["other"], || format!("the tags are {tags:?}"))
}

async fn a_deleted_index_leaves_its_images(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = repository.push_untagged().await?;
    let index = Document::of(&index(vec![image.child("amd64")]));
    repository.push_manifest("index", &index).await?;
    supported(&repository.delete_manifest(&index.digest()).send().await?)?;
    repository.get_manifest(&image.digest()).send().await?.must_be(200)?.body_must_be(&image.bytes)?;
    Ok(())
}

async fn deleting_an_unknown_manifest_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_untagged().await?;
    supported(&repository.delete_manifest(&document.digest()).send().await?)?;
    let answer = repository.delete_manifest(&unknown_digest(Algorithm::Sha256)).send().await?;
    answer.must_be(404)?.code_must_be(&["MANIFEST_UNKNOWN"])?;
    Ok(())
}

async fn deleting_a_manifest_of_an_unknown_repository_is_404(case: &Case) -> Verdict {
    let answer = case.repository().delete_manifest(&unknown_digest(Algorithm::Sha256)).send().await?;
    if matches!(answer.status(), 400 | 405) {
        return skip("manifests cannot be deleted");
    }
    answer.must_be(404)?.code_must_be(&["NAME_UNKNOWN", "MANIFEST_UNKNOWN"])?;
    Ok(())
}

async fn a_manifest_deleted_twice_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_untagged().await?;
    supported(&repository.delete_manifest(&document.digest()).send().await?)?;
    repository.delete_manifest(&document.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn a_deleted_manifest_can_be_pushed_again(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("tag").await?;
    supported(&repository.delete_manifest(&document.digest()).send().await?)?;
    repository.push_manifest("tag", &document).await?;
    for reference in ["tag", &document.digest()] {
        repository.get_manifest(reference).send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    }
    Ok(())
}

async fn a_deleted_blob_is_202_or_says_that_it_cannot_be(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    repository.push_blob(&blob).await?;
    case.delete(repository.blob_path(&blob.digest())).send().await?.must_be_one_of(&[202, 400, 405])?;
    Ok(())
}

async fn a_deleted_blob_is_gone_at_once(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    repository.push_blob(&blob).await?;
    let path = repository.blob_path(&blob.digest());
    case.get(&path).send().await?.must_be(200)?;
    case.head(&path).send().await?.must_be(200)?;
    supported(&case.delete(&path).send().await?)?;
    case.get(&path).send().await?.must_be(404)?.code_must_be(&["BLOB_UNKNOWN"])?;
    case.head(&path).send().await?.must_be(404)?;
    case.get(&path).header("range", "bytes=0-9").send().await?.must_be(404)?;
    Ok(())
}

async fn a_deleted_blob_stays_in_other_repositories(case: &Case) -> Verdict {
    let (here, there, blob) = (case.repository(), case.repository(), case.blob(100));
    here.push_blob(&blob).await?;
    there.push_blob(&blob).await?;
    supported(&case.delete(here.blob_path(&blob.digest())).send().await?)?;
    here.get_blob(&blob.digest()).send().await?.must_be(404)?;
    there.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn deleting_an_unknown_blob_is_404(case: &Case) -> Verdict {
    for repository in [case.repository(), case.repository()] {
        let answer = case.delete(repository.blob_path(&unknown_digest(Algorithm::Sha256))).send().await?;
        if matches!(answer.status(), 400 | 405) {
            return skip("blobs cannot be deleted");
        }
        answer.must_be(404)?.code_must_be(&["BLOB_UNKNOWN", "NAME_UNKNOWN"])?;
        repository.push_blob(&case.blob(10)).await?;
    }
    Ok(())
}

async fn a_blob_deleted_twice_is_404(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    repository.push_blob(&blob).await?;
    let path = repository.blob_path(&blob.digest());
    supported(&case.delete(&path).send().await?)?;
    case.delete(&path).send().await?.must_be(404)?.code_must_be(&["BLOB_UNKNOWN"])?;
    Ok(())
}

async fn a_deleted_blob_can_be_pushed_again(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    repository.push_blob(&blob).await?;
    supported(&case.delete(repository.blob_path(&blob.digest())).send().await?)?;
    repository.push_blob(&blob).await?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_deleted_blob_is_missing_from_new_manifests(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    repository.push_blob(&blob).await?;
    let config = repository.push_new(OCI_CONFIG).await?;
    supported(&case.delete(repository.blob_path(&blob.digest())).send().await?)?;
    let document = Document::of(&image(config, vec![blob.descriptor(OCI_LAYER)]));
    let answer = repository.put_manifest("late", &document).send().await?;
    if case.sparse() == Sparse::Accepted {
        answer.must_be(201)?;
    } else {
        answer.must_be_one_of(&[400, 404])?.code_must_be(&["MANIFEST_BLOB_UNKNOWN"])?;
    }
    Ok(())
}

/// A delete succeeded; or the registry says that it does not delete such things, which it may.
pub(super) fn supported(answer: &Answer) -> Verdict {
    if matches!(answer.status(), 400 | 405) {
        return skip(format_args!("this cannot be deleted ({})", answer.status()));
    }
    answer.must_be(202)?;
    Ok(())
}

async fn warm(repository: &Repository<'_>, reference: &str) -> Verdict {
    repository.get_manifest(reference).send().await?.must_be(200)?;
    repository.head_manifest(reference).send().await?.must_be(200)?;
    Ok(())
}
