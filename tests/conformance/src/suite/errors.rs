//! How a registry says no.

use http::Method;

use super::suite;
use crate::case::Case;
use crate::check::{Stop, Verdict, ensure};
use crate::exchange::Answer;
use crate::fixture::{Algorithm, Document, OCI_IMAGE, unknown_digest};

suite![
    an_error_is_json_in_the_documented_form,
    an_error_has_one_body,
    an_error_says_its_type_and_length,
    an_error_has_a_message_for_people,
    the_codes_of_errors_are_in_capitals,
    what_is_missing_is_named_by_its_kind,
];

async fn an_error_is_json_in_the_documented_form(case: &Case) -> Verdict {
    for answer in refusals(case).await? {
        answer.error_codes()?;
    }
    Ok(())
}

async fn an_error_has_one_body(case: &Case) -> Verdict {
    for answer in refusals(case).await? {
        let fields = answer.json()?.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        ensure(fields.is_some_and(|fields| fields == ["errors"]), || {
            answer.fault("more than a list of errors")
        })?;
    }
    Ok(())
}

async fn an_error_says_its_type_and_length(case: &Case) -> Verdict {
    for answer in refusals(case).await? {
        answer.header_must_be("content-type", "application/json")?;
        answer.header_may_be("content-length", &answer.body().len().to_string())?;
    }
    Ok(())
}

async fn an_error_has_a_message_for_people(case: &Case) -> Verdict {
    for answer in refusals(case).await? {
        for error in answer.json()?["errors"].as_array().into_iter().flatten() {
            let readable = error["message"].as_str().is_some_and(|text| text.len() > 3 && text.contains(' '));
            ensure(readable, || answer.fault("the message is no sentence"))?;
        }
    }
    Ok(())
}

async fn the_codes_of_errors_are_in_capitals(case: &Case) -> Verdict {
    for answer in refusals(case).await? {
        let capitals =
            |code: &String| code.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
        ensure(answer.error_codes()?.iter().all(capitals), || answer.fault("a code is not in capitals"))?;
    }
    Ok(())
}

async fn what_is_missing_is_named_by_its_kind(case: &Case) -> Verdict {
    let (known, unknown) = (case.repository(), case.repository());
    known.push_image("latest").await?;
    let digest = unknown_digest(Algorithm::Sha256);
    let upload = format!("{}{}", known.uploads_path(), uuid::Uuid::new_v4());
    for (path, code) in [
        (known.manifest_path("missing"), "MANIFEST_UNKNOWN"),
        (known.manifest_path(&digest), "MANIFEST_UNKNOWN"),
        (known.blob_path(&digest), "BLOB_UNKNOWN"),
        (upload, "BLOB_UPLOAD_UNKNOWN"),
        (unknown.tags_path(), "NAME_UNKNOWN"),
    ] {
        case.get(path).send().await?.must_be(404)?.code_must_be(&[code])?;
    }
    Ok(())
}

/// One answer of every kind of refusal.
async fn refusals(case: &Case) -> Result<Vec<Answer>, Stop> {
    let (known, unknown) = (case.repository(), case.repository());
    known.push_image("latest").await?;
    let digest = unknown_digest(Algorithm::Sha256);
    let mut answers = Vec::new();
    for path in [
        known.manifest_path("missing"),
        known.manifest_path(&digest),
        known.blob_path(&digest),
        known.blob_path("sha256:nonsense"),
        format!("{}{}", known.uploads_path(), uuid::Uuid::new_v4()),
        unknown.tags_path(),
        unknown.manifest_path("latest"),
    ] {
        answers.push(case.get(path).send().await?);
    }
    let broken = Document::new(OCI_IMAGE, "nonsense");
    answers.push(known.put_manifest("broken", &broken).send().await?);
    answers.push(known.start().await?.close(&digest, case.blob(10).bytes).send().await?);
    let without = known.start().await?.address;
    answers.push(case.follow(Method::PUT, &without).send().await?);
    for answer in &answers {
        answer.must_be_one_of(&[400, 404])?;
    }
    Ok(answers)
}
