//! A block of the corpus read through libclang.

use cabi::{Profile, Target, Type};
use cabi_header::{Header, Options};

use super::{Case, Subject};
use crate::corpus::c_text::{self, CText};
use crate::corpus::capability::feature_flags;
use crate::corpus::{Block, CorpusError, CorpusFile, libclang};

/// The parameters of this declaration, added after a block's text, are the unnamed arguments.
const UNNAMED: &str = "cabi_unnamed_arguments";

impl Subject {
    /// Reads the first block of `text`.
    ///
    /// # Errors
    /// As [`CorpusFile::parse`] and [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, CorpusError> {
        let path = "text".as_ref();
        let file = CorpusFile::parse(path, text)?;
        let no_block = || CorpusError::new(path.display(), "no block");
        Self::read(file.blocks.first().ok_or_else(no_block)?)
    }

    /// Reads `block`.
    ///
    /// # Errors
    /// [`CorpusError`]: the errors of [`libclang`], C text that is wrong, declarations that
    /// `cabi-header` leaves out (two layouts that differ among them).
    ///
    /// # Example
    /// ```
    /// use cabi_verify::case::Subject;
    ///
    /// let text = "== one\nproves: psABI 3.2.3\nstruct pair { long a; double b; };\nint f(struct \
    ///     pair p);\n";
    /// match Subject::parse(text) {
    ///     Err(error) if error.is_missing_libclang => println!("{error}"),
    ///     subject => {
    ///         let subject = subject.unwrap();
    ///         assert_eq!(
    ///             subject.cases[0].summary(None).unwrap()[0],
    ///             "arg 0 p         Integer Sse      rdi xmm0"
    ///         );
    ///     }
    /// }
    /// ```
    pub fn read(block: &Block) -> Result<Self, CorpusError> {
        let place = format!("{}:{}", block.file.display(), block.line);
        let wrong = |why: String| CorpusError::new(&place, why);
        let target = Target::named(&block.target).map_err(|why| wrong(why.to_string()))?;
        let mut code = block.code.clone();
        if let Some(unnamed) = &block.unnamed {
            code.push_str(&format!("void {UNNAMED}({unnamed});\n"));
        }
        let options = Options::new()
            .name(&block.file)
            .arg("-std=gnu2x")
            .arg(format!("--target={}", block.target));
        let records = block.policy.and_then(Profile::records).into_iter();
        let options = records.fold(options, Options::records);
        let options = options.args(feature_flags(&block.features));
        libclang().map_err(|why| CorpusError {
            is_missing_libclang: true,
            ..wrong(why.to_owned())
        })?;
        let header =
            cabi_header::parse(&code, &options).map_err(|error| wrong(error.to_string()))?;
        if let Some(skipped) = header.skipped.first() {
            return Err(wrong(format!("{}: {}", skipped.name, skipped.reason)));
        }
        let text = c_text::read(&block.code);
        let cases = cases(block, &header, &text, &target).map_err(wrong)?;
        Ok(Self {
            block: block.clone(),
            header,
            text,
            target,
            cases,
        })
    }
}

/// Pairs each prototype's text with its types.
fn cases(
    block: &Block,
    header: &Header,
    text: &CText,
    target: &Target,
) -> Result<Vec<Case>, String> {
    let prototypes = || header.prototypes.iter();
    let variadic = prototypes().filter(|prototype| prototype.variadic).count();
    if block.unnamed.is_some() && variadic != 1 {
        return Err("`unnamed` needs one variadic prototype in the block".to_owned());
    }
    let unnamed = unnamed_arguments(block, header)?;
    let mut cases = Vec::new();
    for function in &text.functions {
        let Some(prototype) = header.prototype(&function.name) else {
            return Err(format!("libclang sees no function {}", function.name));
        };
        let (name, n_written) = (&function.name, function.params.len());
        if prototype.params.len() != n_written {
            let n_seen = prototype.params.len();
            return Err(format!(
                "{name}: {n_written} parameters are written, libclang sees {n_seen}"
            ));
        }
        let (unnamed, unnamed_text) = match prototype.variadic {
            true => unnamed.clone(),
            false => Default::default(),
        };
        cases.push(Case {
            name: match text.functions.len() {
                1 => block.name.clone(),
                _ => format!("{}/{name}", block.name),
            },
            function: function.clone(),
            prototype: prototype.clone(),
            unnamed,
            unnamed_text,
            vectors: prototype.vectors,
            target: target.clone(),
        });
    }
    let n_seen = prototypes().filter(|one| one.name != UNNAMED).count();
    if n_seen != cases.len() {
        let n_written = cases.len();
        return Err(format!(
            "{n_written} prototypes are written, libclang sees {n_seen}"
        ));
    }
    Ok(cases)
}

/// The types of the unnamed arguments, and their text.
fn unnamed_arguments(block: &Block, header: &Header) -> Result<(Vec<Type>, Vec<String>), String> {
    let text = c_text::split_list(block.unnamed.as_deref().unwrap_or_default());
    let params = header.prototype(UNNAMED).map(|prototype| &prototype.params);
    let types: Vec<Type> = params
        .into_iter()
        .flatten()
        .map(|(_, ty)| ty.clone())
        .collect();
    match types.len() == text.len() {
        true => Ok((types, text)),
        false => {
            let (n_written, n_seen) = (text.len(), types.len());
            Err(format!(
                "`unnamed` has {n_written} types, libclang sees {n_seen}"
            ))
        }
    }
}
