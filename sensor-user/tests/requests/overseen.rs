//! What somebody with one scope learns of requests of another: nothing.

use sensor_user::{
    journal,
    model::{
        ContentKind as K, RequestType, Role, Scope, Scopes,
        request::{Page, Reply, Request},
    },
};

use crate::scene::{Scene, actor, code, id_of, spool};

fn page(limit: u32, after: Option<String>) -> Page {
    Page { limit, after }
}

/// All requests, one a page, as an overseer of these scopes is answered.
fn listed(scene: &Scene, scopes: Scopes) -> Vec<String> {
    let overseer = actor(40_030, Role::Oversight);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let request = Request::RequestsList(page(1, after.take()), Scopes::WHOLE);
        // As the door does.
        let answer = scene
            .desk
            .handle(&overseer, request.within(scopes), scene.now);
        let Ok(Reply::Cases(rows)) = answer else {
            panic!("another answer");
        };
        let full = !rows.rows.is_empty();
        assert!(full || rows.next.is_none(), "an empty page leads nowhere");
        if let Some(next) = &rows.next {
            assert!(
                next.parse::<u64>().is_ok(),
                "a cursor names nothing: {next}"
            );
        }
        found.extend(rows.rows.into_iter().map(|row| row.reference));
        match rows.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

#[test]
fn a_page_has_no_request_of_another_scope_and_leads_past_none() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let kinds = [
        ("B-1", RequestType::B),
        ("N-1", RequestType::Notice),
        ("A-1", RequestType::A),
    ];
    for (reference, kind) in kinds {
        let document = scene.document(kind, reference, std::slice::from_ref(&id));
        scene.submit(&document).expect("accepted");
    }
    #[cfg(feature = "l851-1")]
    {
        let document = scene.document(RequestType::C, "C-1", &[]);
        scene.submit(&document).expect("accepted");
        let document = scene.document(RequestType::B, "B-2", std::slice::from_ref(&id));
        scene.submit(&document).expect("accepted");
        let cnctr = listed(&scene, Scopes::of(&[Scope::Cnctr]));
        assert_eq!(cnctr, ["C-1"]);
        let arcep = listed(&scene, Scopes::of(&[Scope::Arcep]));
        assert_eq!(arcep, ["B-1", "N-1", "A-1", "B-2"]);
        // A reference is no cursor, whether there is one or not.
        for reference in ["C-1", "C-2"] {
            let page = page(1, Some(reference.into()));
            let refused = scene.desk.list_of(
                &actor(40_030, Role::Oversight),
                &page,
                Scopes::of(&[Scope::Arcep]),
            );
            assert_eq!(
                refused.map(drop).map_err(|error| error.code().to_owned()),
                Err("invalid".into())
            );
        }
    }
    #[cfg(not(feature = "l851-1"))]
    {
        assert_eq!(listed(&scene, Scopes::of(&[Scope::Cnctr])), [""; 0]);
        assert_eq!(
            listed(&scene, Scopes::of(&[Scope::Arcep])),
            ["B-1", "N-1", "A-1"]
        );
        let wrong = scene.desk.list(&page(1, Some("B-1".into())));
        assert!(wrong.is_err(), "a reference is no cursor");
    }
}

#[test]
fn a_reading_of_manifests_by_oversight_is_journalled() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    scene.acknowledge(1);
    let document = scene.document(RequestType::B, "B-1", &[id]);
    scene.submit(&document).expect("accepted");
    scene.approve_both("B-1").expect("disclosed");
    let size = scene.journal.head().size;
    let read = |uid, role| {
        let request = Request::RequestsManifests {
            reference: "B-1".into(),
        };
        let answer = scene.desk.handle(&actor(uid, role), request, scene.now);
        let Ok(Reply::Manifests(manifests)) = answer else {
            panic!("another answer");
        };
        assert_eq!(manifests.manifests.len(), 1);
        scene.journal.head().size - size
    };
    assert_eq!(read(40_020, Role::Operator), 0);
    assert_eq!(read(40_030, Role::Oversight), 1);
    assert_eq!(read(40_030, Role::Oversight), 1, "they are one reading");
    let rows = scene.journal.page(size, 10).expect("reads").rows;
    let entry = rows[0].entry.as_ref().expect("nothing is hidden").get();
    assert!(
        entry.contains("\"requests_read\"") && entry.contains("40030"),
        "{entry}"
    );
}

#[test]
fn what_a_pinned_key_signed_and_was_refused_is_told_to_its_scope_only() {
    let mut scene = Scene::new();
    let id = scene.event(1);
    let sees = |scene: &Scene, scope: Scope, from: u64| {
        let page = scene.journal.page(from, 100).expect("reads");
        let rows = journal::within(Scopes::of(&[scope]), page).rows;
        rows.iter().filter(|row| row.entry.is_some()).count()
    };
    let late = |scene: &Scene, kind, key, serial| {
        let document = scene.document(kind, "REQ-1", std::slice::from_ref(&id));
        let envelope = scene.signed(key, key, serial, &document);
        let late = scene.now + jiff::SignedDuration::from_hours(48);
        code(
            scene
                .desk
                .submit(&crate::scene::desk_actor(), &spool(&envelope), late),
        )
    };
    for (kind, key, arcep) in [
        (RequestType::B, K::RequestB, true),
        (RequestType::C, K::RequestC, false),
    ] {
        let from = scene.journal.head().size;
        assert_eq!(late(&scene, kind, key, 7), "expired");
        assert_eq!(
            sees(&scene, Scope::Arcep, from),
            usize::from(arcep),
            "{kind:?}"
        );
        assert_eq!(
            sees(&scene, Scope::Cnctr, from),
            usize::from(!arcep),
            "{kind:?}"
        );
    }
    // The counterparty of type C is nobody else's business, whatever it signs.
    let from = scene.journal.head().size;
    let document = scene.document(RequestType::B, "REQ-1", &[id_of(1)]);
    let envelope = scene.signed(K::RequestC, K::RequestB, 8, &document);
    assert_eq!(code(scene.hand_in(&envelope)), "wrong_key");
    assert_eq!(sees(&scene, Scope::Arcep, from), 0);
    assert_eq!(sees(&scene, Scope::Cnctr, from), 1);
    // What nobody's key signed names nobody.
    let from = scene.journal.head().size;
    assert_eq!(code(scene.hand_in(b"x\n")), "not_an_envelope");
    assert_eq!(sees(&scene, Scope::Arcep, from), 1);
    assert_eq!(scene.told().pop().expect("an entry").get("issuer"), None);
}
