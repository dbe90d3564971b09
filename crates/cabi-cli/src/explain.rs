//! `cabi explain`: reads a declaration with libclang and prints, or draws, the explanation.

use std::path::PathBuf;

use cabi::{FnSig, Policy, Target};
use cabi_header::{Header, Prototype};
use clap::Args;

use crate::reading::{self, Reading};
use crate::svg::Picture;

const EXAMPLES: &str = "\
Examples:
  cabi explain 'struct p { double x; long n; }; struct p f(int, struct p);'
  cabi explain -i stdlib.h div
  cabi explain --policy clang --summary 'struct s { int n; char s[]; }; int f(struct s v);'
  cabi explain --unnamed double --unnamed 'long double' -i stdio.h printf
  cabi explain --json 'long double f(long double _Complex z);'
  cabi explain --svg div.svg -i stdlib.h div
  cabi explain 'long f(long a, double b);' -- --target=x86_64-linux-gnu -mavx";

/// Explains where each argument and the result of a function travel, and the steps that led there.
///
/// Of a text the last function declared is explained, of a header the one that is named.
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
    #[arg(long, default_value = "gcc", value_parser = reading::policy)]
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
    /// Draws it too, registers, stack slots and the bytes of every object; to standard output, instead of the text, as `-`.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Further arguments for clang.
    #[arg(last = true)]
    clang: Vec<String>,
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
        if let Some(path) = &self.svg {
            let picture = Picture {
                sig: &sig,
                names: &names,
                title: &reading::declaration(prototype),
                target: &target,
            };
            let drawn = picture.draw().map_err(|e| e.to_string())?;
            if path.as_os_str() == "-" {
                return Ok(drawn);
            }
            std::fs::write(path, drawn).map_err(|e| format!("{}: {e}", path.display()))?;
        }
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
            Some(header) => reading::include(header),
            None => format!(
                "{}\n",
                self.declaration.trim_end().trim_end_matches(';').to_owned() + ";"
            ),
        };
        for (i, ty) in self.unnamed.iter().enumerate() {
            text += &format!("typedef __typeof__({ty}) {}{i};\n", UNNAMED);
        }
        let mut options = self.reading.options().args(&self.clang);
        if self.target.is_some() {
            options = options.arg(format!("--target={}", target.name()));
        }
        cabi_header::parse(&text, &options).map_err(|e| e.to_string())
    }

    fn prototype<'h>(&self, header: &'h Header) -> Result<&'h Prototype, String> {
        if let Some(include) = &self.include {
            return reading::function(header, &self.declaration, include);
        }
        header
            .prototypes
            .last()
            .ok_or_else(|| match header.skipped.last() {
                Some(skipped) => format!("{}: {}", skipped.name, skipped.reason),
                None => "the text declares no function".into(),
            })
    }

    fn signature(&self, prototype: &Prototype, header: &Header) -> Result<FnSig, String> {
        let sig = prototype.signature().policy(self.policy);
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
