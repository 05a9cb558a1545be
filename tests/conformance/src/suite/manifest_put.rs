//! Manifests on their way in: the answer, and what a reader sees afterwards.

use http::Method;

use super::suite;
use crate::case::Case;
use crate::check::{Verdict, ensure};
use crate::fixture::{Algorithm, Document, OCI_IMAGE, OCI_INDEX, index, unknown_digest};

suite![
    a_manifest_put_by_tag_is_201_with_a_location,
    a_manifest_put_by_digest_is_201_with_a_location,
    the_location_of_a_pushed_manifest_is_that_manifest,
    a_pushed_manifest_answer_names_its_digest,
    a_manifest_put_by_digest_makes_no_tag,
    a_manifest_put_by_tag_is_readable_by_digest,
    a_tag_moves_to_what_was_put_last,
    a_manifest_is_accepted_again,
    a_manifest_put_by_a_wrong_digest_is_400_and_stores_nothing,
    a_manifest_that_is_no_json_is_400,
    a_manifest_of_an_unknown_type_is_400,
    a_manifest_that_contradicts_its_content_type_is_400,
    parameters_of_a_content_type_are_ignored_on_the_way_in,
    a_manifest_without_a_media_type_takes_that_of_the_request,
    a_manifest_without_a_length_is_accepted,
    one_manifest_is_pushed_twice_at_the_same_time,
];

async fn a_manifest_put_by_tag_is_201_with_a_location(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    repository.put_manifest("latest", &document).send().await?.must_be(201)?.must_have("location")?;
    Ok(())
}

async fn a_manifest_put_by_digest_is_201_with_a_location(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    repository
        .put_manifest(&document.digest(), &document)
        .send()
        .await?
        .must_be(201)?
        .must_have("location")?;
    Ok(())
}

async fn the_location_of_a_pushed_manifest_is_that_manifest(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = Document::of(&repository.new_image().await?);
    repository.push_manifest("image", &image).await?;
    let index = Document::of(&index(vec![image.child("amd64")]));
    for (tag, document) in [("image", &image), ("index", &index)] {
        for reference in [tag, &document.digest()] {
            let answer = repository.put_manifest(reference, document).send().await?;
            let location = answer.must_be(201)?.location()?;
            let accept = format!("{OCI_IMAGE},{OCI_INDEX}");
            let pulled = case.follow(Method::GET, &location).header("accept", accept).send().await?;
            pulled.must_be(200)?.body_must_be(&document.bytes)?;
        }
    }
    Ok(())
}

async fn a_pushed_manifest_answer_names_its_digest(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    for reference in ["latest", &document.digest()] {
        let answer = repository.put_manifest(reference, &document).send().await?;
        answer.must_be(201)?.header_must_be("docker-content-digest", &document.digest())?;
    }
    Ok(())
}

async fn a_manifest_put_by_digest_makes_no_tag(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("only").await?;
    repository.push_untagged().await?;
    let tags = repository.tags().await?;
    ensure(tags == ["only"], || format!("the tags are {tags:?}"))
}

async fn a_manifest_put_by_tag_is_readable_by_digest(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    let answer = repository.get_manifest(&document.digest()).send().await?;
    answer.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

async fn a_tag_moves_to_what_was_put_last(case: &Case) -> Verdict {
    let repository = case.repository();
    let first = repository.push_image("latest").await?;
    repository.get_manifest("latest").send().await?.must_be(200)?.body_must_be(&first.bytes)?;
    let second = repository.push_image("latest").await?;
    repository.get_manifest("latest").send().await?.must_be(200)?.body_must_be(&second.bytes)?;
    repository.get_manifest(&first.digest()).send().await?.must_be(200)?.body_must_be(&first.bytes)?;
    let tags = repository.tags().await?;
    ensure(tags == ["latest"], || format!("the tags are {tags:?}"))
}

async fn a_manifest_is_accepted_again(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    for reference in ["latest", "other", &document.digest()] {
        let answer = repository.put_manifest(reference, &document).send().await?;
        answer.must_be(201)?.header_may_be("docker-content-digest", &document.digest())?;
    }
    repository.get_manifest("other").send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

async fn a_manifest_put_by_a_wrong_digest_is_400_and_stores_nothing(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("other").await?;
    let document = Document::of(&repository.new_image().await?);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let wrong = unknown_digest(algorithm);
        let answer = repository.put_manifest(&wrong, &document).send().await?;
        answer.must_be(400)?.code_must_be(&["DIGEST_INVALID", "MANIFEST_INVALID"])?;
        repository.get_manifest(&wrong).send().await?.must_be(404)?;
        repository.get_manifest(&document.digest()).send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_manifest_that_is_no_json_is_400(case: &Case) -> Verdict {
    let repository = case.repository();
    let whole = Document::of(&repository.new_image().await?);
    let half = &whole.bytes[..whole.bytes.len() / 2];
    for body in [&b""[..], b"null", b"[]", b"\"text\"", b"12", b"nonsense", b"{", half, b"\xff\xfe", b"{}"] {
        let document = Document::new(OCI_IMAGE, body.to_vec());
        let answer = repository.put_manifest("broken", &document).send().await?;
        answer.must_be(400)?.code_must_be(&["MANIFEST_INVALID"])?;
    }
    repository.get_manifest("broken").send().await?.must_be(404)?;
    Ok(())
}

async fn a_manifest_of_an_unknown_type_is_400(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    for media_type in
        ["text/plain", "application/vnd.example.unknown+json", "nonsense", "application/octet-stream"]
    {
        let document = Document::new(media_type, document.bytes.clone());
        let answer = repository.put_manifest("unknown", &document).send().await?;
        answer.must_be_one_of(&[400, 415])?.code_must_be(&["MANIFEST_INVALID"])?;
    }
    repository.get_manifest("unknown").send().await?.must_be(404)?;
    Ok(())
}

async fn a_manifest_that_contradicts_its_content_type_is_400(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = repository.push_untagged().await?;
    let index = Document::of(&index(vec![image.child("amd64")]));
    for (media_type, document) in [(OCI_INDEX, &image), (OCI_IMAGE, &index)] {
        let liar = Document::new(media_type, document.bytes.clone());
        let answer = repository.put_manifest("liar", &liar).send().await?;
        answer.must_be(400)?.code_must_be(&["MANIFEST_INVALID"])?;
    }
    repository.get_manifest("liar").send().await?.must_be(404)?;
    Ok(())
}

async fn parameters_of_a_content_type_are_ignored_on_the_way_in(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    for (number, parameter) in ["; charset=utf-8", ";a=b;c=\"d\"", " ; q=1"].iter().enumerate() {
        let tag = format!("t{number}");
        let pushed = Document::new(&format!("{OCI_IMAGE}{parameter}"), document.bytes.clone());
        repository.put_manifest(&tag, &pushed).send().await?.must_be(201)?;
        let answer = repository.get_manifest(&tag).send().await?;
        answer.must_be(200)?.header_must_be("content-type", OCI_IMAGE)?;
    }
    Ok(())
}

async fn a_manifest_without_a_media_type_takes_that_of_the_request(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut image = repository.new_image().await?;
    if let Some(fields) = image.as_object_mut() {
        fields.remove("mediaType");
    }
    let image = Document::of(&image);
    repository.push_manifest("image", &image).await?;
    let mut list = index(vec![image.child("amd64")]);
    if let Some(fields) = list.as_object_mut() {
        fields.remove("mediaType");
    }
    let list = Document::new(OCI_INDEX, list.to_string());
    repository.push_manifest("index", &list).await?;
    for (tag, document) in [("image", &image), ("index", &list)] {
        let answer = repository.get_manifest(tag).send().await?;
        answer
            .must_be(200)?
            .body_must_be(&document.bytes)?
            .header_must_be("content-type", &document.media_type)?;
    }
    Ok(())
}

async fn a_manifest_without_a_length_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let pieces = document.bytes.chunks(100).map(bytes::Bytes::copy_from_slice).collect();
    let request =
        case.put(repository.manifest_path("latest")).header("content-type", OCI_IMAGE).streamed(pieces);
    request.send().await?.must_be(201)?;
    repository.get_manifest("latest").send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

async fn one_manifest_is_pushed_twice_at_the_same_time(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let (one, two) =
        tokio::join!(repository.push_manifest("one", &document), repository.push_manifest("two", &document),);
    one?;
    two?;
    for tag in ["one", "two"] {
        repository.get_manifest(tag).send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    }
    Ok(())
}
