//! The values of a call, as the probe's table of cases has them.

use std::fmt::Write as _;

use cabi::convention::FrameKind;
use cabi::{Convention, FnSig, Kind, Leaf, LeafKind, Policy, Scalar, Type, leaves};

use crate::case::Case;
use crate::compare::n_x87;
use crate::emit::c::{Images, is_widened, string};
use crate::pattern::{BitPlaces, is_big_endian, mask, may_be_set, size_of};
use crate::question::Question;

use super::MAX_VALUES;

#[derive(Default)]
pub(super) struct Values {
    pub(super) types: Vec<Type>,
    n_named: usize,
    ret: Option<Type>,
    /// `true` if a callee also records its narrow arguments, widened to 64 bits.
    is_wide: bool,
    convention: Option<&'static Convention>,
    pub(super) is_variadic: bool,
    is_noreturn: bool,
    /// Number of arguments in registers of the x87 stack, which is to be as full at the call.
    pub(super) n_x87: u64,
    /// Number of bits by which each bit-field is after its place.
    pub(super) shift: u64,
    /// The end of its pages at which each value lies: a byte beside it cannot be touched.
    pub(super) guarded: Option<PageEnd>,
}

/// An end of the pages of a value; the page after it cannot be touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PageEnd {
    First,
    Last,
}

/// Bytes of a page.
const PAGE: usize = 4096;

/// Bytes of the stack that most cases need.
pub(super) const USUAL_WINDOW: usize = 2048;

/// The table of a program's cases, in C.
#[derive(Default)]
pub(super) struct CaseTable {
    declared: String,
    rows: String,
    pub(super) n: usize,
    /// Bytes of the stack for the arguments of each call, as a number that instructions of every
    /// machine have.
    pub(super) window: usize,
}

impl CaseTable {
    /// Makes a table without cases, before which there is `text`.
    pub(super) fn after(text: String) -> Self {
        Self {
            declared: text,
            ..Self::default()
        }
    }

    /// Adds a case: its values, and its callee, the function that has the callee's address, and its
    /// caller, which `declared` declares.
    pub(super) fn add(&mut self, values: &Values, declared: &str, functions: &str) {
        let (n, of_values, row) = (self.n, values.text(), values.row());
        self.declared +=
            &format!("{declared}\nstatic const struct value v{n}[] = {{{of_values}{{0}}}};\n");
        self.rows += &format!("{{{functions}, v{n}, {row}}},\n");
        self.n += 1;
        self.window = self.window.max(values.window());
    }

    pub(super) fn text(&self) -> String {
        let Self { declared, rows, .. } = self;
        format!(
            "{declared}const struct row cabi_rows[] = {{\n{rows}}};\nconst unsigned cabi_n_rows = sizeof cabi_rows / sizeof *cabi_rows;\n"
        )
    }
}

/// Checks whether values of the question have bytes of which some bits count, and others do not.
pub fn has_partial_bytes(question: &Question, convention: &'static Convention) -> bool {
    let values = Values::of_sig(&question.sig, Some(convention));
    let types = values.all();
    let mut masks = types.iter().map(|ty| mask(ty, values.bits()));
    masks.any(|mask| mask.iter().any(|bits| !matches!(bits, 0 | 0xff)))
}

impl Values {
    pub(super) fn of_case(case: &Case) -> Self {
        Self {
            types: case.argument_types(),
            n_named: case.prototype.params.len(),
            ret: case.has_result().then(|| case.prototype.ret.clone()),
            is_wide: true,
            convention: case.prototype.convention.or(case.target.convention()),
            is_variadic: case.prototype.variadic,
            is_noreturn: case.prototype.noreturn,
            n_x87: case.abi_under(Policy::NONE).map_or(0, |abi| n_x87(&abi)),
            ..Self::default()
        }
    }

    /// Returns the values of a call whose unnamed arguments are promoted.
    pub(super) fn of_sig(sig: &FnSig, convention: Option<&'static Convention>) -> Self {
        Self {
            types: sig.params().iter().map(|param| param.ty.clone()).collect(),
            n_named: sig.params().len(),
            ret: (*sig.result().kind() != Kind::Void && !sig.is_noreturn())
                .then(|| sig.result().clone()),
            convention,
            is_variadic: sig.is_variadic(),
            is_noreturn: sig.is_noreturn(),
            ..Self::default()
        }
    }

    fn window(&self) -> usize {
        let bytes = self.types.iter().fold(256, |end: usize, ty| {
            let align = usize::try_from(alignment(ty)).unwrap_or(1);
            end.next_multiple_of(align.max(8)) + size_of(ty)
        });
        match bytes > USUAL_WINDOW {
            true => bytes.next_multiple_of(4096),
            false => USUAL_WINDOW,
        }
    }

    /// Declares the functions of question `n`, and the compiler's names for the probe's objects.
    pub(super) fn of_globals(&self, n: usize) -> String {
        let mut symbols = format!(".globl out{n}\\n.set out{n}, cabi_result_bytes\\n");
        for (i, at) in self.offsets().iter().enumerate().take(self.types.len()) {
            let name = format!("g{n}_{i}");
            let _ = write!(
                symbols,
                ".globl {name}\\n.set {name}, cabi_argument_bytes + {at}\\n"
            );
        }
        format!("extern void d{n}(void), c{n}(void);\n__asm__(\"{symbols}\");")
    }

    fn all(&self) -> Vec<Type> {
        self.types.iter().chain(&self.ret).cloned().collect()
    }

    fn offsets(&self) -> Vec<usize> {
        Images::of(&self.all()).offsets
    }

    /// Returns the offset of each argument in the buffer of arguments, and of the result in its
    /// own; and the bytes that the buffers need.
    pub(super) fn places(&self) -> (Vec<usize>, usize) {
        let n = self.types.len();
        let Some(end) = self.guarded else {
            let mut places = self.offsets();
            places
                .iter_mut()
                .skip(n)
                .for_each(|of_result| *of_result = 0);
            return (places, 2 * MAX_VALUES);
        };
        let (mut places, mut next, mut most) = (Vec::new(), PAGE, 0);
        for (i, ty) in self.all().iter().enumerate() {
            if i == n {
                next = PAGE;
            }
            let align = usize::try_from(ty.align()).unwrap_or(1);
            let bytes = size_of(ty).next_multiple_of(PAGE).max(PAGE);
            places.push(match end {
                PageEnd::First => next,
                PageEnd::Last => (next + bytes - size_of(ty)) / align * align,
            });
            next += bytes + PAGE;
            most = next.max(most);
        }
        (places, most.max(2 * MAX_VALUES))
    }

    /// Returns the bytes of each argument, and then of the result.
    #[cfg(unix)]
    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> {
        self.all().into_iter().map(|ty| size_of(&ty))
    }

    fn bits(&self) -> BitPlaces {
        BitPlaces {
            highest_first: is_big_endian(self.convention),
            shift: self.shift,
        }
    }

    /// Checks whether the result has bytes, none of which counts.
    pub(super) fn result_is_padding(&self) -> bool {
        self.ret.as_ref().is_some_and(|ty| {
            let mask = mask(ty, self.bits());
            ty.size() > 0 && mask.iter().all(|bits| *bits == 0)
        })
    }

    /// Returns the number of arguments, and the rest of a case's row.
    fn row(&self) -> String {
        let align = self.types.iter().map(alignment).max();
        let frame = self.convention.map(|own| own.frame);
        let carried = frame.and_then(|frame| frame.carried);
        format!(
            "{}, {}, {}, {}, {}, {}, {}, {}, {}, {:?}",
            self.types.len(),
            align.unwrap_or(1).max(16),
            frame.map_or(0, |frame| frame.shadow_space),
            self.n_x87,
            u8::from(self.ret.is_some()),
            u8::from(self.is_variadic),
            u8::from(self.is_noreturn),
            u8::from(self.guarded.is_some()),
            // Cranelift's `tail` has more registers than C.
            u8::from(frame.is_some_and(|frame| frame.kind == FrameKind::Tail)),
            carried.map_or("", |reg| reg.name())
        )
    }

    /// Returns rows of C, the result's last.
    fn text(&self) -> String {
        let places = self.offsets().into_iter().zip(self.places().0);
        let rows = self.all().into_iter().zip(places).enumerate();
        rows.map(|(i, (ty, places))| self.value(i, &ty, places))
            .collect()
    }

    fn value(&self, i: usize, ty: &Type, (at, place): (usize, usize)) -> String {
        let is_unnamed = (self.n_named..self.types.len()).contains(&i);
        let passed = if is_unnamed {
            cabi::promote(ty)
        } else {
            ty.clone()
        };
        let promotion = match passed.as_scalar() {
            _ if passed == *ty => "SAME",
            Some(Scalar::F64) => "FLOAT",
            _ => sign(ty),
        };
        let argument = passed.as_argument();
        let is_int = matches!(
            argument.as_scalar(),
            Some(Scalar::Bool | Scalar::Int { .. } | Scalar::BitInt { .. })
        );
        let narrow = match is_int && passed.size() < 8 {
            true => sign(argument),
            false => "SAME",
        };
        let mut mask = match promotion {
            // The low bits of a double that was a float are 0.
            "FLOAT" => vec![0, 0, 0, 0xe0, 0xff, 0xff, 0xff, 0xff],
            // The upper bytes of a number that is never negative are 0, which is everywhere.
            "UNSIGNED" => vec![0xff; size_of(ty)],
            _ => mask(&passed, self.bits()),
        };
        // Only the low bytes of a promoted number are drawn.
        let mut may = may_be_set(ty, is_big_endian(self.convention));
        mask.resize(size_of(&passed), 0);
        may.resize(mask.len(), 0xff);
        let bytes = |bytes: &[u8]| match bytes.iter().all(|byte| *byte == 0xff) {
            true => "0".to_owned(),
            false => string(bytes),
        };
        let is_wide = self.is_wide && narrow != "SAME" && i < self.n_named && is_widened(ty);
        format!(
            "{{{at}, {place}, {}, {}, {}, {}, {promotion}, {narrow}, {}}}, ",
            ty.size(),
            mask.len(),
            bytes(&mask),
            bytes(&may),
            u8::from(is_wide)
        )
    }
}

/// Returns the largest alignment that any convention gives a value on the stack. A vector's is its
/// size, whatever the alignment of its record. A typedef that lowers an alignment has its type's.
fn alignment(ty: &Type) -> u64 {
    let is_vector = |leaf: &Leaf| matches!(leaf.kind, LeafKind::Vector(_));
    let vectors = leaves(ty).filter(is_vector);
    let vectors = vectors.map(|leaf| (leaf.width_bits / 8).next_power_of_two());
    let align = ty.align().max(ty.canonical_align());
    vectors.max().unwrap_or(1).max(align.into())
}

/// Returns the extension of a narrow integer.
fn sign(ty: &Type) -> &'static str {
    match ty.as_scalar().is_some_and(Scalar::is_signed) {
        true => "SIGNED",
        false => "UNSIGNED",
    }
}
