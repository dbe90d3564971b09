//! The functions of a plan as C text, many to a unit, and as cases.

use std::collections::BTreeMap;

use cabi::DataModel;

use super::types::{self, TYPES};
use super::{Exhaustive, Level};
use crate::case::Subject;
use crate::generate::{CType, Declarations, Signature};
use crate::states::{Measure, Shape, State, Transition};
use crate::verify::{Compiler, VerifyError};

/// So many functions share a file.
const PER_UNIT: usize = 240;

/// A function that shows a transition.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) transition: Transition,
    /// How many types were tried before.
    pub(super) turn: usize,
    /// The value's type.
    number: usize,
    /// The level's number in the plan.
    level: usize,
    /// Whether it is one of Win64 on Linux.
    ms_abi: bool,
    measure: Measure,
    model: DataModel,
}

/// Functions of one level that share a file.
#[derive(Debug)]
pub(super) struct FunctionUnit {
    pub(super) level: usize,
    pub(super) functions: Vec<Function>,
    pub(super) subject: Subject,
}

impl Function {
    /// The function that shows `transition` with the type whose turn it is; `None` if all had theirs.
    pub(super) fn new(plan: &Exhaustive, transition: Transition, turn: usize) -> Option<Self> {
        let level = plan.level_of(transition.shape)?;
        let numbers = plan.levels().nth(level)?.shapes.get(&transition.shape)?;
        if turn >= numbers.len() {
            return None;
        }
        // The phase changes fastest. The factor combines each phase with other types than the registers alone would.
        let (state, measure) = (transition.state, plan.measure);
        let row = measure.state_number(state) / usize::from(measure.n_phases());
        let first = row + 3 * usize::from(state.phase);
        Some(Self {
            transition,
            turn,
            number: *numbers.get((first + turn) % numbers.len())?,
            level,
            ms_abi: plan.compiler().ms_abi,
            measure,
            model: *plan.compiler().target().data_model(),
        })
    }

    /// The value's type, as C declares or spells it.
    pub(super) fn ty(&self) -> String {
        let declared = of_type(self.number, self.ms_abi).declared("", &self.model);
        match declared.types.trim_end() {
            "" => declared.function.list,
            types => types.to_owned(),
        }
    }

    /// The result's type, and how many integer registers the address for it takes.
    fn result(&self) -> (Option<CType>, u8) {
        let state = self.transition.state;
        let taken = u8::from(self.measure.result_takes_register());
        match (self.measure.state_number(state) / 3 + self.number) % 4 {
            0 if state.gp + taken <= self.measure.registers().0 => (Some(types::slots(10)), taken),
            1 => (Some("long".into()), 0),
            2 => (Some("double".into()), 0),
            _ => (None, 0),
        }
    }

    /// The index of the value among the parameters.
    pub(super) fn value_index(&self) -> usize {
        self.before().len()
    }

    /// The parameters that make the state.
    fn before(&self) -> Vec<CType> {
        let State { gp, sse, phase } = self.transition.state;
        let (ints, vectors) = self.measure.registers();
        let taken = usize::from(ints - gp.min(ints)) - usize::from(self.result().1);
        if self.measure == Measure::Win64 {
            // By turns, as a position is of either kind; then slots, of which the first four are the shadow space.
            let turns = (0..taken).map(|i| if i % 2 == 0 { "long" } else { "double" });
            let slots = match gp {
                0 => usize::from((phase + 4) % 8),
                _ => 0,
            };
            return turns
                .chain(std::iter::repeat_n("long", slots))
                .map(CType::Name)
                .collect();
        }
        let mut params = vec!["long".into(); taken];
        params.extend(vec!["double".into(); usize::from(vectors - sse)]);
        let bytes = u64::from(phase) * self.measure.slot();
        match self.measure {
            Measure::SysV | Measure::Win64 if phase > 0 => {
                // As many slots modulo eight as the phase says; fewer might be passed in registers.
                params.push(types::slots(8 + u32::from(phase)));
            }
            Measure::SysV | Measure::Win64 => {}
            // What finds no register.
            Measure::Aapcs64 | Measure::AppleArm64 => {
                let fill = match gp {
                    0 => [(8, "long"), (4, "int"), (2, "short"), (1, "char")],
                    _ => [(8, "double"), (4, "float"), (2, "_Float16"), (1, "char")],
                };
                let fill = fill.into_iter().filter(|(size, _)| bytes & size != 0);
                params.extend(fill.map(|(_, name)| CType::Name(name)));
            }
        }
        params
    }

    fn signature(&self) -> Signature {
        let mut params = self.before();
        params.extend(TYPES.get(self.number).cloned());
        params.extend(["long".into(), "double".into(), types::slots(3)]);
        Signature {
            ret: self.result().0,
            params,
            unnamed: None,
            ms_abi: self.ms_abi,
        }
    }
}

/// A function that takes a value of type `number`.
pub(super) fn of_type(number: usize, ms_abi: bool) -> Signature {
    Signature {
        ret: None,
        params: TYPES.get(number).cloned().into_iter().collect(),
        unnamed: None,
        ms_abi,
    }
}

/// The shapes of types under `compiler`; those of no measured shape are left out.
pub(super) fn shapes(numbers: &[usize], compiler: &Compiler) -> Vec<(usize, Shape)> {
    let shape = |number: usize| {
        let target = compiler.target();
        let declared = of_type(number, compiler.ms_abi).declared("", target.data_model());
        let mut case = declared.case("shape", compiler.level).ok()?;
        case.target = target;
        let (_, ty) = case.prototype.params.first()?;
        let shape = Shape::of(ty, false, &case, compiler.policy)
            .ok()
            .flatten()?;
        Some((number, shape))
    };
    numbers.iter().copied().filter_map(shape).collect()
}

/// All functions on units, each level on its own.
pub(super) fn units(
    plan: &Exhaustive,
    functions: Vec<Function>,
) -> Result<Vec<FunctionUnit>, VerifyError> {
    let mut levels: BTreeMap<usize, Vec<Function>> = BTreeMap::new();
    for function in functions {
        levels.entry(function.level).or_default().push(function);
    }
    let mut units = Vec::new();
    for (level, functions) in levels {
        for functions in functions.chunks(PER_UNIT) {
            let Some(Level { compiler, .. }) = plan.levels().nth(level) else {
                continue;
            };
            units.push(FunctionUnit {
                level,
                subject: unit(functions, compiler)?,
                functions: functions.to_vec(),
            });
        }
    }
    Ok(units)
}

fn unit(functions: &[Function], compiler: &Compiler) -> Result<Subject, VerifyError> {
    let target = compiler.target();
    let mut declarations = Declarations::new("", target.data_model());
    let (mut prototypes, mut cases) = (String::new(), Vec::new());
    for (i, function) in functions.iter().enumerate() {
        let declared = declarations.function(&format!("f{i}"), &function.signature());
        prototypes.push_str(&declared.prototype());
        let mut case = declared.case(&function.transition.to_string(), compiler.level)?;
        case.target = target.clone();
        cases.push(case);
    }
    let code = declarations.text().to_owned() + &prototypes;
    Ok(Subject::of_cases(
        "exhaustive",
        code,
        Vec::new(),
        &[],
        cases,
    ))
}
