//! `cabi explain`: reads a declaration with libclang and prints the explanation.

use std::path::PathBuf;

use cabi::{FnSig, Policy, Target, VectorLevel};
use cabi_header::{Header, Options, Prototype};
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  cabi explain 'struct p { double x; long n; }; struct p f(int, struct p);'
  cabi explain -i stdlib.h div
  cabi explain --policy clang --summary 'struct { int n; char s[]; } *p; int f(int);'
  cabi explain --json 'long double f(long double _Complex z);'";

/// The last function declared in a text, or a named one of a header.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// C text whose last function is explained; with -i the name of a function of the header.
    declaration: String,
    /// Header to look the function up in, as after `#include`: `stdlib.h`, or a path.
    #[arg(short, long, value_name = "HEADER")]
    include: Option<String>,
    /// Triple whose layout and convention count; the host's by default.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Choices where compilers disagree: gcc, clang or zig, with names of bits added behind commas.
    #[arg(long, default_value = "gcc", value_parser = policy)]
    policy: Policy,
    /// Types of arguments behind the `...` of a variadic function, as C spells them: `double`.
    #[arg(long, value_name = "TYPE")]
    unnamed: Vec<String>,
    /// Only where everything goes, not why.
    #[arg(long, conflicts_with = "json")]
    summary: bool,
    /// The explanation as JSON.
    #[arg(long)]
    json: bool,
    /// Arguments for clang, such as `-I DIR` or `-std=c23`.
    #[arg(last = true)]
    clang: Vec<String>,
}

fn policy(text: &str) -> Result<Policy, String> {
    let mut policy = Policy::NONE;
    for name in text.split(',') {
        policy |= Policy::from_name(name)
            .ok_or_else(|| format!("{name} is neither gcc, clang, zig nor a policy bit"))?;
    }
    Ok(policy)
}

impl Explain {
    pub(crate) fn run(&self) -> Result<String, String> {
        let target = self.target()?;
        let header = self.read(&target)?;
        let prototype = self.prototype(&header)?;
        let sig = self.signature(prototype, &header)?;
        let names: Vec<Option<&str>> = prototype
            .params
            .iter()
            .map(|(name, _)| name.as_deref())
            .collect();
        let explanation = cabi::explain(&sig, &names, &target).map_err(|e| e.to_string())?;
        if self.json {
            let json = serde_json::to_string_pretty(&explanation).map_err(|e| e.to_string())?;
            return Ok(json + "\n");
        }
        Ok(if self.summary {
            explanation.summary()
        } else {
            explanation.to_string()
        })
    }

    fn target(&self) -> Result<Target, String> {
        let Some(triple) = &self.target else {
            return Target::host().map_err(|e| e.to_string());
        };
        let triple = triple
            .parse()
            .map_err(|e| format!("--target {triple}: {e}"))?;
        Target::new(&triple).map_err(|e| e.to_string())
    }

    /// The text given, or one that includes the header; the unnamed types as typedefs behind it.
    fn read(&self, target: &Target) -> Result<Header, String> {
        let mut text = match &self.include {
            Some(header) if PathBuf::from(header).is_file() => format!("#include \"{header}\"\n"),
            Some(header) => format!("#include <{header}>\n"),
            None => format!(
                "{}\n",
                self.declaration.trim_end().trim_end_matches(';').to_owned() + ";"
            ),
        };
        for (i, ty) in self.unnamed.iter().enumerate() {
            text += &format!("typedef __typeof__({ty}) {}{i};\n", UNNAMED);
        }
        let mut options = Options::new().args(&self.clang);
        if self.target.is_some() {
            options = options.arg(format!("--target={}", target.name()));
        }
        cabi_header::parse(&text, &options).map_err(|e| e.to_string())
    }

    fn prototype<'h>(&self, header: &'h Header) -> Result<&'h Prototype, String> {
        let found = match &self.include {
            Some(_) => header.prototype(&self.declaration),
            None => header.prototypes.last(),
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let skipped = match &self.include {
            Some(_) => header.reason(&self.declaration).map(ToString::to_string),
            None => header
                .skipped
                .last()
                .map(|skipped| format!("{}: {}", skipped.name, skipped.reason)),
        };
        Err(skipped.unwrap_or_else(|| match &self.include {
            Some(include) => format!("{include} declares no function {}", self.declaration),
            None => "the text declares no function".into(),
        }))
    }

    fn signature(&self, prototype: &Prototype, header: &Header) -> Result<FnSig, String> {
        let params = prototype.params.iter().map(|(_, ty)| ty.clone());
        let mut sig = FnSig::new(params, prototype.ret.clone())
            .policy(self.policy)
            .features(vector_level(&prototype.target_features, &self.clang));
        if prototype.variadic {
            sig = sig.variadic();
        }
        if prototype.noreturn {
            sig = sig.noreturn();
        }
        if self.unnamed.is_empty() {
            return Ok(sig);
        }
        let unnamed = (0..self.unnamed.len()).map(|i| {
            let name = format!("{UNNAMED}{i}");
            header
                .ty(&name)
                .cloned()
                .ok_or_else(|| match header.reason(&name) {
                    Some(reason) => format!("--unnamed {}: {reason}", self.unnamed[i]),
                    None => format!("--unnamed {}: not a type", self.unnamed[i]),
                })
        });
        let unnamed: Vec<cabi::Type> = unnamed.collect::<Result<_, _>>()?;
        sig.at_call(unnamed).map_err(|e| e.to_string())
    }
}

const UNNAMED: &str = "cabi_unnamed_";

/// The widest vectors that travel in registers: what the function's own `target` attribute says, or the arguments for clang.
fn vector_level(features: &str, clang: &[String]) -> VectorLevel {
    let has = |name: &str| {
        features.split(',').any(|f| f.trim().starts_with(name))
            || clang
                .iter()
                .any(|arg| arg.starts_with(&format!("-m{name}")))
    };
    if has("avx512") {
        VectorLevel::Avx512
    } else if has("avx") {
        VectorLevel::Avx
    } else {
        VectorLevel::Baseline
    }
}
