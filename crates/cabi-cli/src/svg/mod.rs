//! A picture of a call: the bytes of every argument and of the result, and the registers and stack
//! slots they are passed in.
//!
//! Each part of a value has one colour, in the object and wherever it is passed. A value that is
//! passed as a whole is one part. The picture has its own background, light or dark as the reader's
//! system is, and needs no font but a monospaced one.

mod canvas;
mod object;
mod places;

use std::ops::Range;

use cabi::{Error, ExplainedValue, Explanation, FnAbi, FnSig, Kind, PlaceKind, Target, Type};

use self::canvas::Canvas;
use self::object::Object;
use self::places::Places;

/// Subject of a picture: a signature with its explanation.
pub(crate) struct Picture<'a> {
    pub(crate) sig: &'a FnSig,
    pub(crate) why: &'a Explanation,
    /// Title above the picture.
    pub(crate) title: &'a str,
    pub(crate) target: &'a Target,
}

impl Picture<'_> {
    /// Returns the picture as SVG text.
    ///
    /// # Errors
    /// As [`FnAbi::new`].
    pub(crate) fn draw(&self) -> Result<String, Error> {
        let why = self.why;
        let convention = FnAbi::new(self.sig, self.target)?.convention;
        let mut canvas = Canvas::new(self.title);
        canvas.heading(self.title);
        canvas.remark(&format!("{} on {}", why.convention, why.target));
        let pointer = u64::from(self.target.data_model().pointer);
        let (mut n_parts, mut places) = (0, Places::new(why, convention, pointer));
        for (i, (param, explained)) in self.sig.params().iter().zip(&why.args).enumerate() {
            // Arrays and functions are passed as pointers.
            let ty = self.target.data_model().decay(&param.ty);
            let name = explained.name.clone().unwrap_or_else(|| format!("arg{i}"));
            let object = object((&name, &ty), explained, n_parts);
            n_parts += object.parts.len();
            let is_named = i < self.sig.n_named();
            let unnamed = if is_named { "" } else { ", after the ..." };
            let place = match explained.place.kind {
                PlaceKind::Nothing => "nothing is passed".into(),
                _ => explained.place.to_string(),
            };
            let classes = format!("{}{unnamed}", explained.classes);
            object.draw(&mut canvas, &[place, classes]);
            places.add(&object, &explained.place);
        }
        let (ret, kind) = (&why.ret, why.ret.place.kind);
        let result = object(("result", self.sig.result()), ret, n_parts);
        if kind == PlaceKind::Pointer {
            places.add(&result, &ret.place);
        }
        places.draw_call(&mut canvas);
        let is_void = matches!(self.sig.result().kind(), Kind::Void);
        if kind == PlaceKind::Never {
            canvas.section("on return");
            canvas.remark("never");
        } else if !is_void {
            canvas.section("on return");
            result.draw(&mut canvas, &[ret.place.to_string(), ret.classes.clone()]);
            places.draw_return(&mut canvas, &result);
        }
        Ok(canvas.finish())
    }
}

/// Returns a value with its parts: those that are passed apart from each other, or the whole.
fn object<'a>(
    (name, ty): (&'a str, &'a Type),
    explained: &'a ExplainedValue,
    first_colour: usize,
) -> Object<'a> {
    let parts = explained.place.parts.iter();
    let parts = parts.map(|part| part.offset * 8..(part.offset + part.size) * 8);
    let mut parts: Vec<Range<u64>> = match explained.place.kind {
        PlaceKind::Parts => parts.collect(),
        _ => std::iter::once(0..ty.size() * 8).collect(),
    };
    // A part in two registers at once is drawn once.
    parts.dedup();
    Object {
        name,
        ty,
        spelled: &explained.ty,
        parts,
        first_colour,
    }
}

/// Pixels from top to bottom that a screen shows.
const SCREEN: u64 = 1080;

/// Draws the bytes of a type. Each of its members has its name and a colour of its own.
///
/// # Errors
/// The height in pixels, if no screen shows so many.
pub(crate) fn layout(title: &str, remark: &str, ty: &Type) -> Result<String, u64> {
    let mut canvas = Canvas::new(title);
    canvas.heading(title);
    canvas.remark(remark);
    let fields = ty.as_record().map_or(&[][..], |record| record.fields());
    let bits = fields.iter().map(|field| {
        let width = field.bit_field().map(|bits| u64::from(bits.width));
        let from = field.offset_bits();
        from..from + width.unwrap_or(field.ty().size() * 8)
    });
    Object {
        name: "",
        ty,
        spelled: title,
        parts: bits.collect(),
        first_colour: 0,
    }
    .draw_alone(&mut canvas);
    match canvas.y > SCREEN {
        true => Err(canvas.y),
        false => Ok(canvas.finish()),
    }
}
