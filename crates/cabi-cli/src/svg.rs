//! A picture of a call: the bytes of every argument and of the result, and the registers and stack slots they are passed in.
//!
//! Each eightbyte of the signature has one colour, in the object and wherever it goes. The picture brings its own background, light or
//! dark as the reader's system is, and asks for no font but a monospaced one.

mod canvas;
mod members;
mod object;
mod places;

use cabi::{ArgAbi, Error, Explanation, FnAbi, FnSig, Place, Returns, Target, Type};

use self::canvas::Canvas;
use self::object::Object;
use self::places::Places;

/// What is drawn: a signature, and what it is called.
pub(crate) struct Picture<'a> {
    pub(crate) sig: &'a FnSig,
    /// The parameters' names, as many as are known.
    pub(crate) names: &'a [Option<&'a str>],
    /// What is written above it.
    pub(crate) title: &'a str,
    pub(crate) target: &'a Target,
}

impl Picture<'_> {
    /// The picture as SVG text.
    ///
    /// # Errors
    /// As [`FnAbi::new`].
    pub(crate) fn draw(&self) -> Result<String, Error> {
        let abi = FnAbi::new(self.sig, self.target)?;
        let why = cabi::explain(self.sig, self.names, self.target)?;
        let mut canvas = Canvas::new(self.title);
        canvas.heading(self.title);
        canvas.remark(&format!("{} on {}", why.convention, why.target));
        let mut n_eightbytes = 0;
        let mut places = Places::new(&abi);
        for (i, (param, arg)) in self.sig.params().iter().zip(&abi.args).enumerate() {
            let name = self.name(i);
            let object = Object {
                name: &name,
                ty: &self.passed(&param.ty),
                first_colour: n_eightbytes,
            };
            n_eightbytes += object.n_eightbytes();
            object.draw(&mut canvas, &argument_lines(arg, &why, i));
            places.argument(&object, &arg.place);
        }
        self.result(&mut canvas, &mut places, &abi, &why, n_eightbytes);
        Ok(canvas.finish())
    }

    fn result(
        &self,
        canvas: &mut Canvas,
        places: &mut Places<'_>,
        abi: &FnAbi,
        why: &Explanation,
        first_colour: usize,
    ) {
        let result = Object {
            name: "result",
            ty: self.sig.result(),
            first_colour,
        };
        places.result_pointer();
        places.draw_call(canvas);
        match (&abi.ret.place, abi.ret.returns) {
            (Place::Ignore, Returns::Void) => return,
            (Place::Ignore, Returns::Never) => {
                canvas.section("on return");
                canvas.remark("never");
                return;
            }
            _ => {}
        }
        canvas.section("on return");
        let lines = [why.ret.place.clone(), why.ret.classes.clone()];
        result.draw(canvas, &lines);
        places.draw_return(canvas, &result);
    }

    /// What is passed for a parameter of type `ty`: arrays and functions are pointers.
    fn passed(&self, ty: &Type) -> Type {
        self.target.data_model().decay(ty)
    }

    fn name(&self, i: usize) -> String {
        match self.names.get(i) {
            Some(Some(name)) => (*name).to_owned(),
            _ => format!("arg{i}"),
        }
    }
}

/// What stands to the right of an argument: where it goes, and its classes.
fn argument_lines(arg: &ArgAbi, why: &Explanation, i: usize) -> [String; 2] {
    let Some(explained) = why.args.get(i) else {
        return [String::new(), String::new()];
    };
    let place = match &arg.place {
        Place::Ignore => "nothing is passed".into(),
        _ => explained.place.clone(),
    };
    let unnamed = if arg.named { "" } else { ", after the ..." };
    [place, format!("{}{unnamed}", explained.classes)]
}
