use super::*;
use crate::build::InstalledCompilers;

#[test]
fn a_reference_that_is_not_there_is_a_reason() {
    let why = Reference::of_command("/nonexistent/gcc").unwrap_err();
    assert!(why.starts_with("/nonexistent/gcc: "), "{why}");
}

#[test]
fn more_flags_stand_after_the_commands_own() {
    for reference in InstalledCompilers::find().references {
        let extended = reference.with_flags(&["-DWHAT=long int"]);
        assert_eq!(
            extended.command(),
            format!("{} '-DWHAT=long int'", reference.command())
        );
        extended.check("WHAT f(void);", &[]).unwrap();
        assert!(reference.check("WHAT f(void);", &[]).is_err());
        let none = reference.with_flags(&["-mno-such-vectors"]);
        assert!(none.vector_level().is_err());
    }
}
