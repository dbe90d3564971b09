//! One call of a function of another target, in a program of its own. Files of C or of object code
//! have the function, and Cranelift makes the call.

use std::path::Path;
use std::process::Output;

use cabi::{FnSig, VectorLevel};

use crate::build::program::{File, Program, SECONDS};
use crate::build::{ProgramTarget, Reference, ReferenceError};
use crate::emit::c::initializer;
use crate::emit::c::{MEMORY_FUNCTIONS, ONE_CALL, WINDOWS};
use crate::emit::cranelift::{CallSide, CraneliftObject, Mutation, OWN_WORDS};
use crate::probe::FREESTANDING;
use crate::scratch::Scratch;

/// Symbol of our caller.
const CALLER: &str = "cabi_caller";

/// Alignment of a program's arguments and result, in bytes.
const ALIGN: u32 = 4096;

/// A function of another target, and the call of it.
#[derive(Clone, Copy, Debug)]
pub struct OneCall<'a> {
    /// The target of the program.
    pub target: &'a ProgramTarget,
    /// Compiler of the files of C, and its flags.
    pub compiler: (&'a Reference, &'a [&'a str]),
    /// Files with the function: files of C, whose names end in `.c`, object files and static
    /// libraries. The last two need a target of the system that programs are linked for.
    pub files: &'a [&'a Path],
    /// The symbol of the function.
    pub symbol: &'a str,
    /// Its signature.
    pub sig: &'a FnSig,
    /// The widest vectors in registers.
    pub vectors: VectorLevel,
}

/// Outcome of a call.
#[derive(Clone, Debug)]
pub struct CallOutput {
    /// End of the process, and its output.
    pub process: Output,
    /// The bytes of the result, and the memory as it was afterwards. `None` if the function did not
    /// return.
    pub returned: Option<(Vec<u8>, Vec<u8>)>,
}

impl OneCall<'_> {
    /// Calls the function with the objects `args`, and with memory that pointers among them point
    /// to: its bytes, which begin at the address `start`.
    ///
    /// # Errors
    /// The reason why there is no such program: a type is not lowered, a file does not compile or
    /// link.
    pub fn run(
        &self,
        args: &[Vec<u8>],
        (start, memory): (usize, &[u8]),
    ) -> Result<CallOutput, String> {
        let text = |error: ReferenceError| match error.messages() {
            Some(messages) => self
                .undefined(messages)
                .unwrap_or_else(|| format!("{error}\n{}", messages.trim_end())),
            None => error.to_string(),
        };
        let types = self.sig.params().iter().map(|param| &param.ty);
        if let Some(ty) = types
            .chain([self.sig.result()])
            .find(|ty| ty.align() > ALIGN)
        {
            return Err(format!("{ty} is aligned to more than {ALIGN} bytes"));
        }
        if self.symbol == "main" {
            return Err(
                "main: the program that makes the call has a function of this name".to_owned(),
            );
        }
        let is_c = |file: &&&Path| file.extension().is_some_and(|extension| extension == "c");
        if self.is_foreign()
            && let Some(file) = self.files.iter().find(|file| !is_c(file))
        {
            return Err(format!(
                "{}: only C files are linked here, because ELF object code does not name its convention",
                file.display()
            ));
        }
        let folder = Scratch::new().map_err(|error| error.to_string())?;
        let (object, out) = (folder.path().join("ours.o"), folder.path().join("out"));
        let (images, offsets) = self.images(args);
        let ours = self.object(&offsets)?;
        std::fs::write(&object, ours).map_err(|error| error.to_string())?;
        let size = usize::try_from(self.sig.result().size()).unwrap_or(0);
        let macros = format!(
            "#define CALLER {CALLER}\n#define START {start:#x}\n#define RESULT {}\n#define IMAGES {}\n#define OWN_WORDS {OWN_WORDS}\n#define MEMORY {}\n",
            size.max(1),
            initializer(&images),
            initializer(memory),
        );
        let program = self.link(&format!("{WINDOWS}{macros}{ONE_CALL}"), &object);
        let program = program.map_err(text)?;
        let words = [out.to_string_lossy().into_owned()];
        let process = program.run(&self.target.emulator, &words, SECONDS);
        let process = process.map_err(text)?;
        let returned = std::fs::read(&out).ok().and_then(|mut bytes| {
            (bytes.len() > size).then(|| {
                let after = bytes.split_off(size.max(1));
                bytes.truncate(size);
                (bytes, after)
            })
        });
        Ok(CallOutput { process, returned })
    }

    /// Returns the objects `args` one after the other, each as aligned as its type, and the offset
    /// of each.
    fn images(&self, args: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
        let (mut images, mut offsets) = (Vec::new(), Vec::new());
        for (bytes, param) in args.iter().zip(self.sig.params()) {
            let align = usize::try_from(param.ty.align()).unwrap_or(1).max(1);
            images.resize(images.len().next_multiple_of(align), 0);
            offsets.push(images.len());
            images.extend_from_slice(bytes);
        }
        (images, offsets)
    }

    /// Checks whether the target is of another system than the one that programs are linked for.
    fn is_foreign(&self) -> bool {
        let name = self.target.target.name();
        ["windows", "apple"].iter().any(|word| name.contains(word))
    }

    /// Returns the message about the first function that is missing, by a linker's `messages`.
    fn undefined(&self, messages: &str) -> Option<String> {
        let starts = ["undefined reference to `", "required symbol `"];
        let mut found = starts.iter().filter_map(|start| messages.split_once(start));
        let name = found.next()?.1.split('\'').next()?;
        Some(match (self.files, self.is_foreign()) {
            ([], _) => format!("{name} is not defined: name a file that defines it with -l"),
            (_, true) => format!(
                "{name} is not defined in the files given with -l, and the C library here is of another system"
            ),
            (_, false) => {
                format!("{name} is not defined in the files given with -l or in the C library")
            }
        })
    }

    /// Returns the object file of Cranelift that makes the call, with objects at these offsets.
    fn object(&self, offsets: &[usize]) -> Result<Vec<u8>, String> {
        let target = &self.target.target;
        let mut object = CraneliftObject::new(self.vectors, target, &[])?;
        let side = CallSide {
            sig: self.sig,
            offsets,
            index: 0,
            mutation: Mutation::default(),
        };
        let added = object.caller((CALLER, self.symbol), &side);
        added.map_err(|fault| fault.to_string())?;
        object.finish()
    }

    /// Links the program. The C library here is of the system that programs are linked for.
    /// Functions of another system must not need it, because it would be called by the wrong
    /// convention.
    fn link(&self, main: &str, caller: &Path) -> Result<Program, ReferenceError> {
        let linker = &self.target.linker;
        let paths: Vec<_> = self
            .files
            .iter()
            .map(|file| file.to_string_lossy())
            .collect();
        let (sources, objects): (Vec<_>, Vec<_>) =
            paths.iter().partition(|path| path.ends_with(".c"));
        let include =
            |path: &&std::borrow::Cow<'_, str>| format!("{MEMORY_FUNCTIONS}#include \"{path}\"\n");
        let texts: Vec<String> = sources.iter().map(include).collect();
        let (compiler, flags) = self.compiler;
        let file = |source| File {
            by: linker,
            source,
            flags: vec!["-w"],
        };
        let user_files = texts.iter().map(|source| File {
            by: compiler,
            source,
            flags: flags.to_vec(),
        });
        let user_files: Vec<File<'_>> = user_files.collect();
        let objects: Vec<&str> = objects.iter().map(|path| &***path).collect();
        let memory = format!("{FREESTANDING}{WINDOWS}");
        if self.is_foreign() {
            let files = [&[file(&memory)], &user_files[..]].concat();
            let required = format!("-Wl,-e,0,--require-defined={}", self.symbol);
            Program::build(&files, &["-static", "-nostdlib", &required])?;
        }
        let files = [&[file(main)], &user_files[..]].concat();
        let caller = caller.to_string_lossy();
        let flags = [&[&*caller], &objects[..], &["-static", "-lm"]].concat();
        Program::build(&files, &flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cabi::Type;

    /// Returns the result of `long double f(long double a, int b) { return a + b; }` of msvc for
    /// 1.5 and 2. The function is compiled with `flags`.
    fn sum(flags: &[&str]) -> Option<Vec<u8>> {
        let tools = ProgramTarget::named("x86_64-pc-windows-msvc");
        let tools = tools.and_then(|(target, known)| {
            Ok((target, Reference::of_command(known[0])?.for_programs()))
        });
        let (target, compiler) = tools.map_err(|why| crate::report::missing(&why)).ok()?;
        let folder = Scratch::new().expect("a folder");
        let file = folder.path().join("sum.c");
        let text = "long double f(long double a, int b) { return a + b; }\n";
        std::fs::write(&file, text).expect("a file");
        let sig = FnSig::new([Type::F80, Type::I32], Type::F80);
        let call = OneCall {
            target: &target,
            compiler: (&compiler, flags),
            files: &[&file],
            symbol: "f",
            sig: &sig,
            vectors: VectorLevel::Baseline,
        };
        let args = [
            f80(0x3fff, 0xc000_0000_0000_0000),
            2_i32.to_le_bytes().to_vec(),
        ];
        let output = call.run(&args, (1 << 36, &[])).expect("a program");
        output.returned.map(|(result, _)| result)
    }

    fn f80(exponent: u64, mantissa: u64) -> Vec<u8> {
        [mantissa.to_le_bytes(), exponent.to_le_bytes()].concat()
    }

    /// clang has it under an option. Without that option `long double` is `double` there, which is
    /// passed differently.
    #[test]
    fn an_80_bit_float_of_msvc_is_passed_as_clang_passes_it() {
        let Some(mut result) = sum(&["-mlong-double-80"]) else {
            return;
        };
        result.truncate(10);
        let expected = &f80(0x4000, 0xe000_0000_0000_0000)[..10];
        assert_eq!(result, expected);
        let plain = sum(&[]);
        assert!(plain.is_none_or(|plain| !plain.starts_with(expected)));
    }
}
