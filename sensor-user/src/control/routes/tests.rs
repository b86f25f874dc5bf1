use super::*;
use crate::{
    control::uri::Query,
    model::{
        State,
        request::{EventFilter, Page, Request},
    },
};

fn found(method: &str, path: &str) -> Option<(Target, String)> {
    let (route, parameter) = find(method, path).ok()?;
    Some((route.target, parameter.to_owned()))
}

#[test]
fn words_come_before_parameters() {
    let ask = |kind, parameter: &str| Some((Target::Ask(kind), parameter.to_owned()));
    assert_eq!(found("GET", "/v1/events/tail"), ask(Kind::EventsTail, ""));
    assert_eq!(
        found("GET", "/v1/events/a%2Fb"),
        ask(Kind::EventsShow, "a%2Fb")
    );
    assert_eq!(
        found("POST", "/v1/interfaces/eth0.100/attach"),
        ask(Kind::Attach, "eth0.100")
    );
    for unknown in [
        "/",
        "/v1",
        "/v1/events/",
        "/v1/events/a/b",
        "/v1/status/",
        "//v1/status",
        "/v2/status",
    ] {
        assert!(
            matches!(find("GET", unknown), Err(Error::NotFound(_))),
            "{unknown}"
        );
    }
}

#[test]
fn a_known_path_tells_its_methods() {
    let allow = |method, path| match find(method, path) {
        Err(Error::Method { allow }) => allow,
        other => panic!("{other:?}"),
    };
    assert_eq!(allow("DELETE", "/v1/markers"), "GET, PUT, POST");
    assert_eq!(allow("HEAD", "/v1/status"), "GET");
    assert_eq!(
        allow("PUT", "/v1/markers/remove"),
        "POST, GET",
        "also a marker's id"
    );
}

#[test]
fn every_kind_has_its_route() {
    for kind in Kind::ALL {
        let query = Query::parse("", &[]).expect("empty");
        let built = request(kind, "x", &query, Content::default()).expect("defaults");
        assert_eq!(built.kind(), kind);
        let routes = ROUTES
            .iter()
            .filter(|route| route.target == Target::Ask(kind));
        assert_eq!(routes.count(), 1, "{kind:?}");
    }
}

#[test]
fn pages_have_bounds() {
    let with = |text: &str| {
        let query =
            Query::parse(text, &["limit", "after", "state", "day", "marker"]).expect("reads");
        request(Kind::EventsList, "", &query, Content::default())
    };
    let page = |limit, after: Option<&str>| Page {
        limit,
        after: after.map(str::to_owned),
    };
    let events = |page, state| {
        let filter = EventFilter {
            state,
            ..EventFilter::default()
        };
        Request::EventsList { page, filter }
    };
    assert_eq!(with("").expect("default"), events(page(100, None), None));
    assert_eq!(
        with("limit=10000&after=x&state=open").expect("all"),
        events(page(10_000, Some("x")), Some(State::Open))
    );
    for bad in ["limit=0", "limit=10001", "state=ajar", "day=2027-02-30"] {
        assert!(matches!(with(bad), Err(Error::Invalid(_))), "{bad}");
    }
}
