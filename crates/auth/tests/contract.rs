//! The controllers of the port keep its contract, alone and behind rules.

mod silly {
    use std::sync::Arc;

    use wharf_auth::contract::Subject;
    use wharf_auth::{Silly, contract_tests};

    async fn open() -> Subject {
        Subject::new(Arc::new(Silly::new("r", "s"))).with_good("anything", Some("silly"))
    }

    contract_tests!(open);
}

mod guarded {
    use std::sync::Arc;

    use wharf_auth::contract::Subject;
    use wharf_auth::{Guard, Origin, Permission, Rule, Rules, Silly, Who, contract_tests};

    async fn open() -> Subject {
        let rule = Rule {
            origin: Origin { source: "config.yml".into(), line: Some(1) },
            repositories: None,
            who: vec![Who::User("silly".into())],
            allow: vec![Permission::Pull],
            deny: Vec::new(),
        };
        let guard = Guard::new(Arc::new(Silly::new("r", "s")), Some(Rules::new([].into(), vec![rule])));
        Subject::new(Arc::new(guard)).with_good("anything", Some("silly"))
    }

    contract_tests!(open);
}
