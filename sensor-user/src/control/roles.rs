//! Who asks, and who may what: two pure tables.

use crate::{
    config::{Account, Grant},
    journal,
    model::{Actor, Event, RequestKind, Role, Scopes, request::Reply},
};

use super::{Error, accounts::Accounts};

/// Whether a role may ask for this. The whole policy.
#[must_use]
pub const fn allows(role: Role, kind: RequestKind) -> bool {
    use RequestKind as K;
    match role {
        Role::Operator | Role::Agent => true,
        Role::Reader => matches!(
            kind,
            K::Status | K::Coverage | K::EventsList | K::EventsShow | K::EventsTail | K::SinksList
        ),
        // Orders are the authority's requests, and those are the desk's own.
        Role::Desk => matches!(
            kind,
            K::Status
                | K::Coverage
                | K::DeclarationShow
                | K::EnvelopeSubmit
                | K::OrdersSubmit
                | K::OrdersList
                | K::OrdersShow
                | K::OrdersWithdraw
                | K::RequestsSubmit
                | K::RequestsList
                | K::RequestsShow
        ),
        Role::Oversight => matches!(
            kind,
            K::Status
                | K::Coverage
                | K::DeclarationShow
                | K::JournalShow
                | K::JournalCheckpoint
                | K::JournalProof
                | K::JournalFollow
                | K::RequestsList
                | K::RequestsManifests
                | K::SinksList
        ),
    }
}

/// An answer as this role with these scopes may see it.
///
/// # Errors
/// [`Error::NotFound`] for what is outside these scopes.
pub fn shown_to(role: Role, scopes: Scopes, reply: Reply) -> Result<Reply, Error> {
    Ok(match reply {
        Reply::Manifests(manifests) if !scopes.holds(journal::audience_of(manifests.kind)) => {
            return Err(Error::NotFound("no request has this reference".into()));
        }
        Reply::Cases(mut cases) => {
            let seen = |kind| scopes.holds(journal::audience_of(kind));
            cases.rows.retain(|case| seen(case.kind));
            Reply::Cases(cases)
        }
        Reply::Journal(page) => Reply::Journal(journal::within(scopes, page)),
        Reply::Event(event) => Reply::Event(Box::new(event_shown_to(role, *event))),
        Reply::Events(mut events) => {
            events.rows = events
                .rows
                .into_iter()
                .map(|event| event_shown_to(role, event))
                .collect();
            Reply::Events(events)
        }
        other => other,
    })
}

/// An event as this role may see it: addresses and ports are for those who run the sensor.
#[must_use]
pub fn event_shown_to(role: Role, event: Event) -> Event {
    match role {
        Role::Operator | Role::Agent => event,
        Role::Reader | Role::Desk | Role::Oversight => event.without_addresses(),
    }
}

/// Who has which role.
#[derive(Clone, Debug)]
pub struct Roles {
    grants: Vec<Grant>,
    /// Who is an operator without being listed, besides uid 0; nobody is on oversight's socket.
    own_uid: Option<u32>,
}

impl Roles {
    /// The configured grants, on top of those of uid 0 and the agent's own uid.
    #[must_use]
    pub fn new(grants: Vec<Grant>) -> Self {
        Self {
            grants,
            own_uid: Some(rustix::process::geteuid().as_raw()),
        }
    }

    /// The configured grants of oversight, and nobody else: not even uid 0.
    #[must_use]
    pub fn of_oversight(mut grants: Vec<Grant>) -> Self {
        grants.retain(|grant| grant.role == Role::Oversight);
        Self {
            grants,
            own_uid: None,
        }
    }

    /// The peer with these credentials; none for a stranger. The databases come from the caller:
    /// they are read anew for each connection, so that a user who leaves a group loses its role.
    #[must_use]
    pub fn actor(&self, uid: u32, gid: u32, accounts: &Accounts) -> Option<(Actor, Scopes)> {
        let own = self.own_uid.is_some_and(|own| uid == 0 || uid == own);
        let (role, scopes) = if own {
            (Role::Operator, None)
        } else {
            let holds = |list: &[Account], test: &dyn Fn(&Account) -> bool| list.iter().any(test);
            let by_user = |grant: &&Grant| holds(&grant.users, &|a| accounts.is_user(a, uid));
            let by_group =
                |grant: &&Grant| holds(&grant.groups, &|a| accounts.in_group(a, uid, gid));
            let grants = || self.grants.iter();
            let grant = grants().find(by_user).or_else(|| grants().find(by_group))?;
            (grant.role, grant.scopes.as_deref())
        };
        Some((
            Actor { uid, role },
            scopes.map_or(Scopes::WHOLE, Scopes::of),
        ))
    }

    /// Configured users and groups that this host does not know: they match nobody.
    #[must_use]
    pub fn unknown(&self, accounts: &Accounts) -> Vec<String> {
        let users = self.grants.iter().flat_map(|grant| &grant.users);
        let groups = self.grants.iter().flat_map(|grant| &grant.groups);
        users
            .filter(|user| !accounts.knows_user(user))
            .chain(groups.filter(|group| accounts.gid(group).is_none()))
            .filter_map(|account| match account {
                Account::Name(name) => Some(name.clone()),
                Account::Id(_) => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scope;

    #[test]
    fn the_whole_table() {
        use RequestKind as K;
        // One row a kind: reader, operator, desk, oversight, agent.
        let table = [
            (K::Status, [true, true, true, true, true]),
            (K::Coverage, [true, true, true, true, true]),
            (K::MarkersLoad, [false, true, false, false, true]),
            (K::MarkersAdd, [false, true, false, false, true]),
            (K::MarkersRemove, [false, true, false, false, true]),
            (K::MarkersRelease, [false, true, false, false, true]),
            (K::DeclarationShow, [false, true, true, true, true]),
            (K::DeclarationRecord, [false, true, false, false, true]),
            (K::EnvelopeSubmit, [false, true, true, false, true]),
            (K::MarkersList, [false, true, false, false, true]),
            (K::MarkersShow, [false, true, false, false, true]),
            (K::OrdersSubmit, [false, true, true, false, true]),
            (K::OrdersList, [false, true, true, false, true]),
            (K::OrdersShow, [false, true, true, false, true]),
            (K::OrdersWithdraw, [false, true, true, false, true]),
            (K::RequestsSubmit, [false, true, true, false, true]),
            (K::RequestsList, [false, true, true, true, true]),
            (K::RequestsShow, [false, true, true, false, true]),
            (K::RequestsManifests, [false, true, false, true, true]),
            (K::RequestsApprove, [false, true, false, false, true]),
            (K::RequestsRefuse, [false, true, false, false, true]),
            (K::RequestsSettle, [false, true, false, false, true]),
            (K::CostsList, [false, true, false, false, true]),
            (K::EventsList, [true, true, false, false, true]),
            (K::EventsShow, [true, true, false, false, true]),
            (K::EventsNotUseful, [false, true, false, false, true]),
            (K::EventsCommitment, [false, true, false, false, true]),
            (K::EventsTail, [true, true, false, false, true]),
            (K::JournalShow, [false, true, false, true, true]),
            (K::JournalCheckpoint, [false, true, false, true, true]),
            (K::JournalProof, [false, true, false, true, true]),
            (K::JournalFollow, [false, true, false, true, true]),
            (K::Canary, [false, true, false, false, true]),
            (K::SinksList, [true, true, false, true, true]),
            (K::SinksDead, [false, true, false, false, true]),
            (K::SinksReplay, [false, true, false, false, true]),
            (K::BreakerOpen, [false, true, false, false, true]),
            (K::BreakerClose, [false, true, false, false, true]),
            (K::Attach, [false, true, false, false, true]),
            (K::Detach, [false, true, false, false, true]),
        ];
        let roles = [
            Role::Reader,
            Role::Operator,
            Role::Desk,
            Role::Oversight,
            Role::Agent,
        ];
        assert_eq!(
            table.map(|(kind, _)| kind),
            K::ALL,
            "every kind has its row"
        );
        for (kind, row) in table {
            assert_eq!(roles.map(|role| allows(role, kind)), row, "{kind:?}");
        }
    }

    #[test]
    fn users_come_before_groups_and_strangers_get_nothing() {
        let grant = |role, users: &[u32], groups: &[&str]| Grant {
            role,
            users: users.iter().copied().map(Account::Id).collect(),
            groups: groups.iter().map(|g| Account::Name((*g).into())).collect(),
            scopes: (role == Role::Oversight).then(|| vec![Scope::Cnctr]),
        };
        let roles = Roles {
            grants: vec![
                grant(Role::Reader, &[], &["noc"]),
                grant(Role::Oversight, &[], &["audit"]),
                grant(Role::Desk, &[1000], &[]),
            ],
            own_uid: Some(998),
        };
        let accounts = Accounts::parse(
            "alice:x:1000:1::/:\nbob:x:1001:1::/:\ncarol:x:1002:1::/:\n",
            "noc:x:50:alice,bob\naudit:x:51:bob,carol\n",
        );
        let known = |uid, gid| roles.actor(uid, gid, &accounts);
        let role = |uid, gid| known(uid, gid).map(|(actor, _)| actor.role);
        assert_eq!(role(0, 0), Some(Role::Operator));
        assert_eq!(role(998, 998), Some(Role::Operator), "the agent's own uid");
        assert_eq!(
            role(1000, 1),
            Some(Role::Desk),
            "her user counts, not her group"
        );
        assert_eq!(
            role(1001, 1),
            Some(Role::Reader),
            "the first group of the file"
        );
        assert_eq!(role(1002, 1), Some(Role::Oversight));
        assert_eq!(
            role(1003, 50),
            Some(Role::Reader),
            "the process's own group"
        );
        assert_eq!(role(1003, 1), None);
        let scopes = |uid| known(uid, 1).map(|(_, scopes)| scopes);
        assert_eq!(scopes(1002), Some(Scopes::of(&[Scope::Cnctr])));
        assert_eq!(scopes(1000), Some(Scopes::WHOLE));
        assert!(roles.unknown(&accounts).is_empty());
        assert_eq!(roles.unknown(&Accounts::default()), ["noc", "audit"]);
    }

    #[test]
    fn the_socket_of_oversight_knows_oversight_only() {
        let grant = |role, user| Grant {
            role,
            users: vec![Account::Id(user)],
            groups: Vec::new(),
            scopes: None,
        };
        let grants = vec![grant(Role::Oversight, 5), grant(Role::Operator, 6)];
        let roles = Roles::of_oversight(grants);
        let known = |uid| roles.actor(uid, uid, &Accounts::default()).is_some();
        assert_eq!([0, 5, 6].map(known), [false, true, false]);
    }
}
