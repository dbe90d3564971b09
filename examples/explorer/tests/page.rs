//! The page in headless Chromium: a declaration is typed, and the page shows the places that the
//! library gives outside of WebAssembly.

use std::path::PathBuf;
use std::process::Command;

use explorer::answer_to;
use serde_json::Value;

const DECLARATION: &str =
    "struct tail { int n; float data[]; }; long double f(struct tail t, double x, ...)";

/// Returns a script that types a text that is no declaration, unnamed arguments of a function that
/// takes none, and `DECLARATION`. It keeps the page's errors.
fn typist() -> String {
    format!(
        "<script>
        const ready = setInterval(() => {{
          if (!document.body.dataset.ready) return;
          clearInterval(ready);
          const type = (id, text) => {{ const field = document.getElementById(id); field.value = text; field.dispatchEvent(new Event('input')); }};
          type('text', 'int main()');
          const refusals = [document.getElementById('error').textContent];
          type('text', 'int main(void)');
          type('unnamed', 'float, struct {{ long a, b; }}');
          refusals.push(document.getElementById('error').textContent);
          type('text', {DECLARATION:?});
          document.body.append(...refusals);
        }}, 10);
        </script>"
    )
}

/// Runs the program that the page is built with.
fn build() -> PathBuf {
    let output = Command::new(env!("CARGO_BIN_EXE_explorer"))
        .output()
        .expect("the program is built");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}

/// Returns the document of the page after its scripts have run; none without Chromium.
fn document(page: &str) -> Option<String> {
    let path = build().with_file_name("typed.html");
    std::fs::write(&path, page).expect("the folder is there");
    let own = std::env::var("CABI_CHROMIUM").ok();
    let names = own
        .as_deref()
        .into_iter()
        .chain(["chromium", "chromium-browser", "google-chrome"]);
    let mut runs = names.filter_map(|name| {
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=20000",
            "--dump-dom",
        ];
        Command::new(name)
            .args(flags)
            .arg(format!("file://{}", path.display()))
            .output()
            .ok()
    });
    runs.next()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns every line of the table's cells.
fn lines(answer: &Value) -> Vec<String> {
    let values = answer
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|system| system["values"].as_array())
        .flatten();
    let lines = values
        .flat_map(|value| ["gcc", "clang"].map(|compiler| value[compiler].as_array()))
        .flatten()
        .flatten();
    lines
        .filter_map(|line| line.as_str().map(str::to_owned))
        .collect()
}

#[test]
fn a_declaration_typed_into_the_page_shows_its_places() {
    let page = std::fs::read_to_string(build()).expect("the page is built");
    let Some(document) = document(&(page + &typist())) else {
        assert!(
            std::env::var_os("CABI_REQUIRE_ORACLES").is_none_or(|value| value != "1"),
            "not run: no Chromium"
        );
        return eprintln!("not run: no Chromium (CABI_CHROMIUM names one)");
    };
    let answer = answer_to(&format!("...float, struct {{ long a, b; }}\n{DECLARATION}"));
    let lines = lines(&answer);
    // Five values on six systems, some of them in two places or by two compilers.
    assert!(lines.len() > 30, "{answer:#}");
    let missing: Vec<&String> = lines
        .iter()
        .filter(|line| !document.contains(&format!("<div>{line}</div>")))
        .collect();
    assert!(missing.is_empty(), "{missing:?} not in {document}");
    for part in [
        "byte 9, `)`: the parameters are missing",
        "only a variadic function takes unnamed arguments",
        "FLEXIBLE_ARRAY_IN_MEMORY",
        "xmm1: bytes 0..8",
        "<svg",
        "system_v",
    ] {
        assert!(document.contains(part), "{part} not in {document}");
    }
}
