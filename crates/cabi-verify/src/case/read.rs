//! A block of the corpus read through libclang.

use std::collections::BTreeSet;

use cabi::{Profile, Target};
use cabi_header::{Header, Options, Prototype};

use super::{Case, Subject};
use crate::corpus::capability::{feature_flags, is_of_word};
use crate::corpus::{Block, CorpusError, OLDEST_LIBCLANG, libclang};

/// The parameters of this declaration, added after a block's text, are the unnamed arguments.
const UNNAMED: &str = "cabi_unnamed_arguments";

impl Subject {
    /// Reads the first block of `text`.
    ///
    /// # Errors
    /// As [`Block::parse`] and [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, CorpusError> {
        let path = "text".as_ref();
        let blocks = Block::parse(path, text)?;
        let no_block = || CorpusError::new(path.display(), "no block");
        Self::read(blocks.first().ok_or_else(no_block)?)
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
    ///         let abi = subject.unwrap().cases[0].abi_under(cabi::Policy::GCC).unwrap();
    ///         assert_eq!((abi.used.int, abi.used.vector), (1, 1));
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
        libclang(OLDEST_LIBCLANG).map_err(|why| CorpusError {
            is_missing_libclang: true,
            ..wrong(why)
        })?;
        let header =
            cabi_header::parse(&code, &options).map_err(|error| wrong(error.to_string()))?;
        if let Some(skipped) = header.skipped.first() {
            return Err(wrong(format!("{}: {}", skipped.name, skipped.reason)));
        }
        let cases = cases(block, &header, &target).map_err(wrong)?;
        Ok(Self {
            block: block.clone(),
            names: names(&header),
            header,
            target,
            cases,
        })
    }
}

/// Returns the names of all types, functions and constants of C that `header` declares, each once.
fn names(header: &Header) -> Vec<String> {
    let types = [&header.records, &header.typedefs, &header.enums];
    let types = types.into_iter().flatten().map(|one| &one.name);
    let functions = header.prototypes.iter().map(|one| &one.name);
    let constants = header.constants.iter().map(|one| &one.name);
    let names = types.chain(&header.incomplete).chain(functions);
    // After the keyword of a tag. The others are the compiler's own.
    let names = names
        .chain(constants)
        .filter_map(|name| name.split(' ').next_back());
    let names: BTreeSet<&str> = names.filter(|name| !name.starts_with('_')).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Returns a case for each prototype.
fn cases(block: &Block, header: &Header, target: &Target) -> Result<Vec<Case>, String> {
    let prototypes = header.prototypes.iter();
    let prototypes = prototypes.filter(|prototype| prototype.name != UNNAMED);
    let prototypes: Vec<&Prototype> = prototypes.collect();
    let is_variadic = |prototype: &&&Prototype| prototype.variadic;
    if block.unnamed.is_some() && prototypes.iter().filter(is_variadic).count() != 1 {
        return Err("`unnamed` needs one variadic prototype in the block".to_owned());
    }
    let unnamed = header.prototype(UNNAMED).map(|prototype| {
        let types = prototype.params.iter().map(|(_, ty)| ty.clone());
        let texts = prototype.spelled_params.iter().map(|text| portable(text));
        (types.collect(), texts.collect())
    });
    let case = |prototype: &&Prototype| {
        let (unnamed, unnamed_text) = match prototype.variadic {
            true => unnamed.clone().unwrap_or_default(),
            false => Default::default(),
        };
        let mut own = (*prototype).clone();
        for text in own.spelled_params.iter_mut().chain([&mut own.spelled_ret]) {
            *text = portable(text);
        }
        Case {
            name: match prototypes.len() {
                1 => block.name.clone(),
                _ => format!("{}/{}", block.name, prototype.name),
            },
            prototype: own,
            unnamed,
            unnamed_text,
            vectors: prototype.vectors,
            target: target.clone(),
        }
    };
    Ok(prototypes.iter().map(case).collect())
}

/// Returns clang's spelling of a type in words that every compiler has.
pub(crate) fn portable(spelled: &str) -> String {
    let spelled = spelled.replace("struct __va_list_tag *", "__builtin_va_list");
    let words = spelled.split_inclusive(|c| !is_of_word(c));
    let words = words.map(|word| match word.strip_prefix("bool") {
        Some(after) if !after.starts_with(is_of_word) => format!("_Bool{after}"),
        _ => word.to_owned(),
    });
    words.collect()
}
