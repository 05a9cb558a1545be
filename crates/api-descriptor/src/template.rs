//! Templates: those of Go's `text/template`, with the functions that Distribution's tool has.

use std::error::Error as StdError;

use gtmpl::{Context, FuncError, Template, Value};
use http::StatusCode;

use crate::descriptors::descriptors;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a template is not rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no template.
    #[error("the template cannot be read")]
    Parse(#[source] BoxError),
    /// It asks for what is not there.
    #[error("the template cannot be executed")]
    Execute(#[source] BoxError),
}

/// The API in Markdown, for people.
///
/// # Errors
///
/// None that can happen: the template is a part of this crate. They are those of [`render`].
pub fn markdown() -> Result<String, Error> {
    render(include_str!("api.md.tmpl"))
}

/// Renders a template of Go's `text/template`.
///
/// It sees `.RouteDescriptors` and `.ErrorDescriptors` as Distribution's `registry-api-descriptor-template` shows them, and has
/// that tool's functions: `removenewlines`, `statustext` and `prettygorilla`.
///
/// # Errors
///
/// When the text is no template, or asks for what is not there.
pub fn render(template: &str) -> Result<String, Error> {
    let mut parsed = Template::default();
    parsed.add_func("removenewlines", |arguments| one(arguments).map(|text| remove_newlines(&text).into()));
    parsed.add_func("statustext", |arguments| one(arguments).map(|code| status_text(&code).into()));
    parsed.add_func("prettygorilla", |arguments| one(arguments).map(|path| pretty(&path).into()));
    parsed.parse(template).map_err(|error| Error::Parse(error.into()))?;
    parsed.render(&Context::from(descriptors())).map_err(|error| Error::Execute(error.into()))
}

fn one(arguments: &[Value]) -> Result<String, FuncError> {
    match arguments {
        [Value::String(text)] => Ok(text.clone()),
        [value] => Ok(value.to_string()),
        [] => Err(FuncError::AtLeastXArgs("function".to_owned(), 1)),
        _ => Err(FuncError::ExactlyXArgs("function".to_owned(), 1)),
    }
}

/// Every run of white space as one space.
fn remove_newlines(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The reason phrase of a status; empty for what is none.
fn status_text(code: &str) -> &'static str {
    code.parse::<StatusCode>().ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// `{name:pattern}` as `<name>`. A pattern may have braces, if they are balanced.
fn pretty(path: &str) -> String {
    let mut shown = String::new();
    let mut depth = 0_usize;
    let mut in_name = false;
    for character in path.chars() {
        match character {
            '{' => {
                depth += 1;
                if depth == 1 {
                    in_name = true;
                    shown.push('<');
                }
            }
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    in_name = false;
                    shown.push('>');
                }
            }
            ':' if depth == 1 => in_name = false,
            _ if depth == 0 || in_name => shown.push(character),
            _ => {}
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use wharf_protocol::{ErrorCode, ROUTES};

    use super::*;

    #[test]
    fn a_path_is_shown_without_its_patterns() {
        assert_eq!(pretty("/v2/{name:[a-z]{1,3}}/blobs/{digest:a{2}b}/x"), "/v2/<name>/blobs/<digest>/x");
        assert_eq!(pretty("/v2/{name}"), "/v2/<name>");
        assert_eq!(pretty("/v2/"), "/v2/");
    }

    #[test]
    fn functions_do_what_those_of_distribution_do() {
        assert_eq!(remove_newlines("a\n  b\r\nc "), "a b c");
        assert_eq!((status_text("404"), status_text("200"), status_text("7")), ("Not Found", "OK", ""));
        let shown = render(
            "{{range .ErrorDescriptors}}{{.Value}} {{.HTTPStatusCode}} {{.HTTPStatusCode | statustext}}\n{{end}}",
        );
        assert!(shown.unwrap().contains("BLOB_UNKNOWN 404 Not Found\n"));
    }

    #[test]
    fn a_template_sees_everything_that_distribution_shows() {
        let shown = render(
            "{{range $route := .RouteDescriptors}}{{range $method := .Methods}}{{range .Requests}}\
             {{$method.Method}} {{$route.Path | prettygorilla}}{{range $i, $param := .QueryParameters}}\
             {{if eq $i 0}}?{{else}}&{{end}}{{$param.Name}}={{$param.Format}}{{end}}\n\
             {{range .Headers}}{{.Name}}: {{.Format}}\n{{end}}{{if .Body.ContentType}}Content-Type: {{.Body.ContentType}}\n{{end}}\
             {{range .Successes}}{{.StatusCode}} {{.StatusCode | statustext}} {{.Description}}{{range .Fields}}{{.Name}}{{end}}\n{{end}}\
             {{range .Failures}}{{.StatusCode}}{{range .ErrorCodes}} {{.Descriptor.Value}}{{end}}\n{{end}}\
             {{end}}{{end}}{{end}}",
        )
        .unwrap();
        for line in [
            "PUT /v2/<name>/blobs/uploads/<id>?_state=<text>&digest=<digest>\n",
            "POST /v2/<name>/blobs/uploads/?mount=<digest>&from=<name>\n",
            "Content-Type: application/vnd.oci.image.manifest.v1+json\n",
            "201 Created The repository holds the blob.\n",
            "416 RANGE_INVALID\n",
        ] {
            assert!(shown.contains(line), "{line} is not in\n{shown}");
        }
    }

    #[test]
    fn the_document_tells_of_every_operation_and_every_error() {
        let document = markdown().unwrap();
        for route in ROUTES {
            for operation in route.operations {
                let line = format!("| {} | `{}` | {} |", operation.verb, route.pattern, operation.summary);
                assert!(document.contains(&line), "{line}");
            }
        }
        for code in ErrorCode::ALL {
            assert!(document.contains(&format!("| `{code}` | {} |", code.status().as_u16())), "{code}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        let error = render("a\n{{nonsense}}").unwrap_err();
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains("nonsense"), "{cause}");
        assert!(matches!(render("{{.Nothing.At.All}}"), Err(Error::Execute(_))));
        assert!(matches!(render("{{range .RouteDescriptors}}"), Err(Error::Parse(_))));
    }
}
