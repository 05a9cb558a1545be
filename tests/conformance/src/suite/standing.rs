//! What held for every answer of the whole run. These come last, after a few questions of their own, so that they have
//! something to judge when they run alone.

use super::suite;
use crate::case::Case;
use crate::check::Verdict;
use crate::fixture::{Algorithm, unknown_digest};
use crate::watch::Rule;

suite![
    nothing_was_ever_answered_with_a_server_error,
    every_json_error_had_the_documented_form,
    every_error_code_was_a_known_one,
    every_error_message_was_a_text,
    every_warning_had_the_documented_form,
    the_warnings_of_every_answer_were_short,
    every_429_said_when_to_come_back,
];

async fn nothing_was_ever_answered_with_a_server_error(case: &Case) -> Verdict {
    judge(case, Rule::NoServerError).await
}

async fn every_json_error_had_the_documented_form(case: &Case) -> Verdict {
    judge(case, Rule::ErrorForm).await
}

async fn every_error_code_was_a_known_one(case: &Case) -> Verdict {
    judge(case, Rule::ErrorCode).await
}

async fn every_error_message_was_a_text(case: &Case) -> Verdict {
    judge(case, Rule::ErrorMessage).await
}

async fn every_warning_had_the_documented_form(case: &Case) -> Verdict {
    judge(case, Rule::WarningForm).await
}

async fn the_warnings_of_every_answer_were_short(case: &Case) -> Verdict {
    judge(case, Rule::WarningSize).await
}

async fn every_429_said_when_to_come_back(case: &Case) -> Verdict {
    judge(case, Rule::RetryAfter).await
}

async fn judge(case: &Case, rule: Rule) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    for path in [
        "/v2/".to_owned(),
        repository.tags_path(),
        repository.manifest_path("missing"),
        repository.blob_path(&unknown_digest(Algorithm::Sha256)),
        repository.blob_path("nonsense"),
    ] {
        case.get(path).send().await?.must_be_one_of(&[200, 400, 404])?;
    }
    case.watch().must_hold(rule)
}
