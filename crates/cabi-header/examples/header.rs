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
    for record in &header.records {
        println!(
            "{}: {} bytes, aligned to {}",
            record.name,
            record.ty.size(),
            record.ty.align()
        );
        for field in record
            .ty
            .as_record()
            .into_iter()
            .flat_map(|record| record.fields())
        {
            println!(
                "  bit {:5} {}: {}",
                field.offset_bits(),
                field.name().unwrap_or("<anonymous>"),
                field.ty()
            );
        }
    }
    for prototype in &header.prototypes {
        let params: Vec<String> = prototype
            .params
            .iter()
            .map(|(_, ty)| ty.to_string())
            .collect();
        let variadic = if prototype.variadic { ", ..." } else { "" };
        println!(
            "{} {}({}{variadic})",
            prototype.ret,
            prototype.name,
            params.join(", ")
        );
    }
    for constant in header.constants.iter().chain(&header.macros) {
        println!("{}: {} {}", constant.name, constant.ty, constant.value);
    }
    for skipped in &header.skipped {
        println!(
            "{}: {} is left out ({}): {}",
            skipped.location,
            skipped.name,
            skipped.reason.key(),
            skipped.reason
        );
    }
    Ok(())
}
