//! Controls of the probe itself.

use cabi::{DataModel, FnSig, RecordBuilder, Type};

use super::emission::buffers;
use super::values::{PageEnd, Values};
use super::{Probe, table};
use crate::run::HERE;

/// Callees that touch bytes of an argument or of the result: those beside it end their process.
#[test]
fn bytes_beside_a_guarded_value_cannot_be_touched() {
    let bytes = Type::array(&Type::U8, 3).unwrap();
    let record = RecordBuilder::structure("s").field("bytes", bytes);
    let record = record.build(&DataModel::LP64).unwrap();
    let sig = FnSig::new([record.clone()], record);
    let (mut rows, mut text, mut expected) = (String::new(), String::new(), Vec::new());
    let mut all_values = Vec::new();
    for end in [PageEnd::First, PageEnd::Last] {
        let mut values = Values::of_sig(&sig, HERE.convention());
        values.guarded = Some(end);
        let (places, _) = values.places();
        let (beside, last) = if end == PageEnd::First {
            (-1, 0)
        } else {
            (3, 2)
        };
        for (buffer, place) in [(0, places[0]), (2, places[1])] {
            for (at, how) in [
                (last, "(void)*at"),
                (beside, "(void)*at"),
                (beside, "*at = 0"),
            ] {
                let n = expected.len();
                text += &format!(
                    "static void d{n}(void) {{ volatile byte *at = (byte *)cabi_places[{buffer}] + {place} + {at}; {how}; }}\n\
                     static const struct value v{n}[] = {{{}{{0}}}};\n",
                    values.text()
                );
                rows += &format!("{{d{n}, 0, 0, v{n}, {}}},\n", values.row((false, false)));
                expected.push(at == beside);
            }
        }
        all_values.push(values);
    }
    let probe = Probe::of_here().unwrap();
    let text = buffers(all_values.iter(), true) + &text + &table(&rows);
    let window = super::window(all_values.iter());
    let observed = probe.run(window, (&text, expected.len()), &["-static"]);
    let ends = observed.unwrap().into_iter().map(|observed| {
        let facts = observed.unwrap();
        facts.callee.state("ends") == Some("callee:ends the process: SIGSEGV")
    });
    assert_eq!(ends.collect::<Vec<_>>(), expected);
}
