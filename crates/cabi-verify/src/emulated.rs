//! Calls under an emulator of another machine: a compiler's caller of each signature calls assembly that writes every register of arguments and the argument area
//! down and returns what `FnAbi` says, and its callee is called by assembly that fills registers and stack as `FnAbi` says.
//!
//! The functions are those of [`Question`]; the program needs no C library, so that every ABI of a machine runs that its linker links.

mod image;
mod program;
mod stubs;

use std::process::Command;

use cabi::{FnAbi, Type};

use crate::assembly::{Isa, Question};
use crate::build::program::{File, Program};
use crate::build::{Reference, ReferenceError};
use crate::pattern::{Painter, Pattern};
use crate::run::static_program::{Written, calls_of};
use program::{Call, text};

/// Processor time for all calls of a program: a callee that finds its arguments elsewhere may never return.
const SECONDS: u32 = 2;

/// A machine whose programs run under an emulator of user mode.
#[derive(Clone, Copy, Debug)]
pub struct Emulated {
    /// The command that a program's name follows.
    pub emulator: &'static str,
    /// How its assembly is written.
    pub stubs: Stubs,
    /// Where the bytes of a value are in its registers.
    pub isa: Isa,
}

/// A machine's assembly.
#[derive(Clone, Copy, Debug)]
pub enum Stubs {
    /// Words of so many bytes, floats of up to so many in registers, and so many registers of integers.
    RiscV(u8, u8, u8),
    /// AArch64.
    AArch64,
    /// s390x.
    S390X,
}

/// A question with what its values are and where they are said to be.
struct Asked<'a> {
    question: &'a Question,
    abi: &'a FnAbi,
    args: Vec<Pattern>,
    result: Pattern,
}

impl Emulated {
    /// Whether the emulator is here.
    pub fn is_there(&self) -> Result<(), String> {
        let asked = Command::new(self.emulator).arg("--version").output();
        asked
            .map(drop)
            .map_err(|e| format!("{}: {e}", self.emulator))
    }

    /// Runs both functions of each question, compiled by `compiler`; `linker` compiles and links the rest. For each question how many values were compared, or the
    /// first one that is elsewhere.
    ///
    /// # Errors
    /// [`ReferenceError`]: a compiler that refuses its file, a program that cannot be started.
    pub fn run(
        &self,
        asked: &[(&Question, &FnAbi)],
        compiler: (&Reference, &[&str]),
        linker: (&Reference, &[&str]),
    ) -> Result<Vec<Result<usize, String>>, ReferenceError> {
        let asked: Vec<Asked<'_>> = asked
            .iter()
            .map(|(question, abi)| self.asked(question, abi))
            .collect();
        let (calls, planned) = self.calls(&asked);
        let can = asked
            .iter()
            .zip(&planned)
            .filter(|(_, planned)| planned.is_ok());
        let theirs: String = can.map(|(one, _)| one.question.text.as_str()).collect();
        let ours = text(&self.stubs, &calls);
        let files = [
            File {
                by: linker.0,
                source: &ours,
                flags: [
                    linker.1,
                    &[
                        "-O1",
                        "-ffreestanding",
                        "-fno-tree-loop-distribute-patterns",
                    ],
                ]
                .concat(),
            },
            File {
                by: compiler.0,
                source: &theirs,
                flags: compiler.1.to_vec(),
            },
        ];
        let link = [linker.1, &["-nostdlib", "-static", "-Wl,--no-relax"]].concat();
        let program = Program::build(&files, None, &link)?;
        let emulator = [self.emulator.to_owned()];
        let mut written = calls_of(&program, &emulator, calls.len(), SECONDS)?.into_iter();
        let judged = asked.iter().zip(planned).map(|(one, planned)| {
            let own: Vec<Result<Written, String>> = written.by_ref().take(planned?).collect();
            self.judge(one, &own)
        });
        Ok(judged.collect())
    }
}

impl Emulated {
    /// The calls of all questions, and of each how many they are. What cannot be called is judged so, and its text is not there.
    fn calls(&self, asked: &[Asked<'_>]) -> (Vec<Call>, Vec<Result<usize, String>>) {
        let mut calls = Vec::new();
        let planned = asked.iter().map(|one| {
            let mut own = vec![self.call(one, false)?];
            if !one.question.sig.is_variadic() {
                own.push(self.call(one, true)?);
            }
            let n = own.len();
            calls.extend(own);
            Ok(n)
        });
        let planned = planned.collect();
        (calls, planned)
    }

    /// What the caller and the callee of a question have written down.
    fn judge(&self, one: &Asked<'_>, written: &[Result<Written, String>]) -> Result<usize, String> {
        let mut n_values = 0;
        for (i, written) in written.iter().enumerate() {
            let side = if i == 0 { "caller" } else { "callee" };
            let checked = written
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|written| match i {
                    0 => self.caller(one, written),
                    _ => self.callee(one, written),
                });
            n_values += checked.map_err(|why| format!("{side}, {why}"))?;
        }
        Ok(n_values)
    }

    fn asked<'a>(&self, question: &'a Question, abi: &'a FnAbi) -> Asked<'a> {
        let mut painter = Painter::default();
        let mut paint = |ty: &Type| {
            let mut pattern = painter.paint(ty);
            if self.isa.is_big_endian() {
                // Patterns have a bit-field's bits from the low end: of its last byte others count here.
                pattern
                    .mask
                    .iter_mut()
                    .filter(|mask| **mask != 0xff)
                    .for_each(|mask| *mask = 0);
            }
            pattern
        };
        let args = question
            .sig
            .params()
            .iter()
            .map(|param| paint(&param.ty))
            .collect();
        let result = paint(question.sig.result());
        Asked {
            question,
            abi,
            args,
            result,
        }
    }
}
