//! Calls under an emulator of another machine: a compiler's caller of each signature calls assembly that writes every register of arguments and the argument area
//! down and returns what `FnAbi` says, and its callee is called by assembly that fills registers and stack as `FnAbi` says.
//!
//! The functions are those of [`Question`]; the program needs no C library, so that every ABI of a machine runs that its linker links.

mod calls;
mod program;
mod stubs;

use std::process::Command;

use cabi::{FnAbi, Type};

use crate::build::program::{File, Program};
use crate::build::{Reference, ReferenceError};
use crate::case::Direction;
use crate::emit::c::Images;
use crate::image::call::ObservedCall;
use crate::pattern::{BitPlaces, Painter, Pattern, Values};
use crate::places::{Outcome, Question};
use crate::run::program::calls_of;
pub use stubs::{Assembly, Stubs};

use program::{Call, text};

/// Processor time for all calls of a program: a callee that finds its arguments elsewhere may never return.
const SECONDS: u32 = 2;

/// A machine whose programs run under an emulator of user mode.
#[derive(Clone, Debug)]
pub struct Emulated {
    /// The command that a program's name follows.
    pub emulator: String,
    /// How its assembly is written.
    pub stubs: Stubs,
    /// Where bit-fields have their bits.
    pub bits: BitPlaces,
}

/// A question and its call, which has variables of the arguments, and one of the result.
struct PlacedQuestion<'a> {
    question: &'a Question,
    call: ObservedCall<'a>,
}

impl Emulated {
    /// A machine that `emulator` runs.
    pub fn new(emulator: &str, stubs: Stubs) -> Self {
        let highest_first = stubs.is_big_endian();
        Self {
            emulator: emulator.to_owned(),
            stubs,
            bits: BitPlaces {
                highest_first,
                shift: 0,
            },
        }
    }

    /// Whether values of the question have bytes of which some bits count, and others do not.
    pub fn has_partial_bytes(&self, question: &Question) -> bool {
        let params = question.sig.params().iter().map(|param| &param.ty);
        let mut types = params.chain([question.sig.result()]);
        types.any(|ty| Painter::of_bits(self.bits).paint(ty).has_partial_bytes())
    }

    /// Whether the emulator is here.
    pub fn is_there(&self) -> Result<(), String> {
        let asked = Command::new(&self.emulator).arg("--version").output();
        asked
            .map(drop)
            .map_err(|e| format!("{}: {e}", self.emulator))
    }

    /// Runs both functions of each question, compiled by `compiler`; `linker` compiles and links the rest. What each of them showed.
    ///
    /// # Errors
    /// [`ReferenceError`]: a compiler that refuses its file, a program that cannot be started.
    pub fn run(
        &self,
        asked: &[(&Question, &FnAbi)],
        compiler: (&Reference, &[&str]),
        linker: (&Reference, &[&str]),
    ) -> Result<Vec<Outcome>, ReferenceError> {
        let asked: Vec<PlacedQuestion<'_>> = asked
            .iter()
            .map(|(question, abi)| self.asked(question, abi))
            .collect();
        let calls = |one| {
            let [call, callee] = Direction::ALL.map(|direction| self.call(one, direction));
            // The compiler's caller first.
            Ok([callee?, call?])
        };
        let planned: Vec<Result<[Call; 2], String>> = asked.iter().map(calls).collect();
        // The text of one that cannot be called is not there.
        let can = asked
            .iter()
            .zip(&planned)
            .filter(|(_, calls)| calls.is_ok());
        let theirs: String = can.map(|(one, _)| one.question.text.as_str()).collect();
        let calls: Vec<Call> = planned.iter().flatten().flatten().cloned().collect();
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
        let program = Program::build(&files, &link)?;
        let emulator = [self.emulator.clone()];
        let mut written = calls_of(&program, &emulator, calls.len(), SECONDS)?.into_iter();
        let outcomes = asked.iter().zip(planned).map(|(one, planned)| {
            let check = |call: Call| {
                let written = written.next().ok_or("no call")??;
                one.check(&call, &written).map_err(|found| found.why)
            };
            Outcome(match planned {
                Ok(calls) => calls.map(check),
                Err(why) => [Err(why.clone()), Err(why)],
            })
        });
        Ok(outcomes.collect())
    }

    fn asked<'a>(&self, question: &'a Question, abi: &'a FnAbi) -> PlacedQuestion<'a> {
        let mut painter = Painter::of_bits(self.bits);
        let mut paint = |ty: &Type| painter.paint(ty);
        let params = question.sig.params().iter();
        let mut types: Vec<Type> = params.map(|param| param.ty.clone()).collect();
        let args: Vec<Pattern> = types.iter().map(&mut paint).collect();
        let result = question.sig.result();
        types.push(result.clone());
        let images = Images::of(&types);
        types.pop();
        let values = Values {
            declared: args.clone(),
            promoted: args,
            result: paint(result),
        };
        PlacedQuestion {
            question,
            call: ObservedCall {
                abi,
                types,
                images,
                values,
            },
        }
    }
}
