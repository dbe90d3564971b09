//! Prints what `cabi-header` understands of a header: `cargo run -p cabi-header --example header -- FILE [CLANG ARGUMENTS]`.

use std::path::PathBuf;
use std::process::ExitCode;

use cabi_header::{Options, parse_file};

fn main() -> ExitCode {
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = PathBuf::from(args.next().ok_or("usage: header FILE [CLANG ARGUMENTS]")?);
    let header = parse_file(&file, &Options::new().args(args))?;
    for named in &header.records {
        let (size, align) = (named.ty.size(), named.ty.align());
        println!("{}: {size} bytes, aligned to {align}", named.name);
        let record = named.ty.as_record();
        for field in record.into_iter().flat_map(|record| record.fields()) {
            let name = field.name().unwrap_or("<anonymous>");
            println!("  bit {:5} {name}: {}", field.offset_bits(), field.ty());
        }
    }
    for prototype in &header.prototypes {
        println!("{}: {}", prototype.name, prototype.signature());
    }
    for constant in header.constants.iter().chain(&header.macros) {
        println!("{}: {} {}", constant.name, constant.ty, constant.value);
    }
    for skipped in &header.skipped {
        let (at, key) = (&skipped.location, skipped.reason.key());
        println!(
            "{at}: {} is left out ({key}): {}",
            skipped.name, skipped.reason
        );
    }
    Ok(())
}
