//! Controls of the probe itself.

use cabi::{DataModel, FnSig, RecordBuilder, Type};

use super::Probe;
use super::emission::buffers;
use super::values::{CaseTable, PageEnd, Values};
use crate::run::HERE;

/// Callees that touch bytes of an argument or of the result: those beside it end their process.
#[test]
fn bytes_beside_a_guarded_value_cannot_be_touched() {
    let bytes = Type::array(&Type::U8, 3).unwrap();
    let record = RecordBuilder::structure("s").field("bytes", bytes);
    let record = record.build(&DataModel::LP64).unwrap();
    let sig = FnSig::new([record.clone()], record);
    let all_values = [PageEnd::First, PageEnd::Last].map(|end| {
        let mut values = Values::of_sig(&sig, HERE.convention());
        values.guarded = Some(end);
        values
    });
    let mut table = CaseTable::after(buffers(all_values.iter(), true));
    let mut expected = Vec::new();
    for (values, (beside, last)) in all_values.iter().zip([(-1, 0), (3, 2)]) {
        let (places, _) = values.places();
        for (buffer, place) in [(0, places[0]), (2, places[1])] {
            for (at, how) in [
                (last, "(void)*at"),
                (beside, "(void)*at"),
                (beside, "*at = 0"),
            ] {
                let n = expected.len();
                let callee = format!(
                    "static void d{n}(void) {{ volatile byte *at = (byte *)cabi_places[{buffer}] + {place} + {at}; {how}; }}"
                );
                table.add(values, &callee, &format!("d{n}, 0, 0"));
                expected.push(at == beside);
            }
        }
    }
    let probe = Probe::of_here().unwrap();
    let observed = probe.run(&table, &["-static"]);
    let ends = observed.unwrap().into_iter().map(|observed| {
        let facts = observed.unwrap();
        facts.callee.state("ends") == Some("callee:ends the process: SIGSEGV")
    });
    assert_eq!(ends.collect::<Vec<_>>(), expected);
}
