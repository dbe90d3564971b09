use super::*;

/// Makes a report with an item of each status.
fn every_status() -> Report {
    let mut report = Report::new("cabi verify");
    let mut section = Section {
        name: "a.h <gcc>".to_owned(),
        head: vec!["a.h, gcc".to_owned()],
        ..Section::default()
    };
    for (name, status, why) in [
        ("right", Status::Passed, ""),
        ("wrong", Status::Failed, "byte 0 is 1 < 2"),
        ("torn", Status::SelfInconsistent, "shown"),
        ("static one", Status::LeftOut, "no symbol"),
        ("static two", Status::LeftOut, "no symbol"),
        ("refused", Status::Unlisted, "why not"),
    ] {
        let kind = match status {
            Status::LeftOut => "left out: static",
            Status::Unlisted => "NOT VERIFIED: refused",
            _ => "",
        };
        section
            .items
            .push(Item::new(name, status, why).of_kind(kind));
    }
    section.items[1].detail = "    line 1\n    line 2\n".to_owned();
    report.sections.push(section);
    report
}

#[test]
fn every_face_says_what_became_of_every_item() {
    let report = every_status();
    let text = "a.h, gcc\n  NOT VERIFIED: refused 1 (refused: why not)\n  left out: static 2 (static one: no symbol; static two: no symbol)\n  \
                SELF-INCONSISTENT torn: shown\n  MISMATCH wrong: byte 0 is 1 < 2\n    line 1\n    line 2\n";
    assert_eq!(report.to_string(), text);
    let json: Json = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["clean"], false);
    let items = json["sections"][0]["items"].as_array().unwrap();
    let statuses: Vec<&str> = items
        .iter()
        .filter_map(|item| item["status"].as_str())
        .collect();
    let expected = "passed failed self_inconsistent left_out left_out unlisted";
    assert_eq!(statuses.join(" "), expected);
    let xml = report.junit();
    for line in [
        "<testsuite name=\"a.h &lt;gcc&gt;\" tests=\"6\" failures=\"3\" skipped=\"2\">",
        "name=\"right\"/>",
        "<failure message=\"byte 0 is 1 &lt; 2\">    line 1\n    line 2</failure>",
        "<failure message=\"shown\"></failure>",
        "<skipped message=\"no symbol (left out: static)\"></skipped>",
    ] {
        assert!(xml.contains(line), "{line}: {xml}");
    }
}

#[test]
fn each_failing_status_alone_fails_the_run_and_so_does_an_error() {
    for (at, fails) in [false, true, true, false, false, true].iter().enumerate() {
        let mut report = every_status();
        report.sections[0].items = vec![report.sections[0].items[at].clone()];
        assert_eq!(report.is_clean(), !fails, "{at}");
        report.allow_self_inconsistent = true;
        assert_eq!(report.is_clean(), !fails || at == 2, "{at}");
    }
    let error = Report::of_error("cabi fuzz", "no compiler");
    assert!(!error.is_clean() && error.json().contains("\"error\": \"no compiler\""));
    assert!(error.junit().contains("errors=\"1\""));
}
