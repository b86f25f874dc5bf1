//! Who gets in on oversight's socket: told by the journal at each start and whenever it changes, so that
//! nobody is shut out without an entry.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Roles, accounts::Accounts};
use crate::{
    config::{Account, Grant},
    crypto::{hex, sha256},
    journal::Overseers,
    model::{Role, Scope, Scopes},
};

/// The grants of oversight, held against the host's users and groups of now.
#[derive(Clone, Debug)]
pub struct Overseen {
    grants: Vec<Grant>,
    roles: Roles,
}

impl Overseen {
    /// Of the configured grants.
    #[must_use]
    pub fn new(grants: &[Grant]) -> Self {
        let mut own = grants.to_vec();
        own.retain(|grant| grant.role == Role::Oversight);
        Self {
            roles: Roles::of_oversight(own.clone()),
            grants: own,
        }
    }

    /// Who gets in now.
    #[must_use]
    pub fn now(&self) -> Overseers {
        self.among(&Accounts::of_host())
    }

    fn among(&self, accounts: &Accounts) -> Overseers {
        let mut users: BTreeSet<(u32, u32)> = accounts.all().collect();
        for account in self.grants.iter().flat_map(|grant| &grant.users) {
            // A number counts without being in passwd(5); it has no group then.
            if let (Account::Id(uid), None) = (account, accounts.user(account)) {
                users.insert((*uid, u32::MAX));
            }
        }
        let mut overseers = Overseers::default();
        let mut table = self.configured();
        for (uid, gid) in users {
            let Some((_, scopes)) = self.roles.actor(uid, gid, accounts) else {
                continue;
            };
            for (name, list) in of(scopes, &mut overseers) {
                writeln!(table, "{uid} {name}").expect("a string takes everything");
                if list.len() < Overseers::MOST {
                    list.push(uid);
                } else {
                    table.push_str("more\n");
                }
            }
        }
        overseers.more = table.lines().filter(|line| *line == "more").count() as u64;
        overseers.digest = hex(&sha256(&[table.as_bytes()]));
        overseers
    }

    /// The grants as text, one a line.
    fn configured(&self) -> String {
        let name = |account: &Account| match account {
            Account::Id(id) => id.to_string(),
            Account::Name(name) => format!("{name:?}"),
        };
        let mut text = String::new();
        for grant in &self.grants {
            let list =
                |accounts: &[Account]| accounts.iter().map(name).collect::<Vec<_>>().join(",");
            let scopes = grant.scopes.as_deref().map(Scopes::of);
            let seen = |scope| scopes.is_none_or(|scopes| scopes.holds(&[scope]));
            writeln!(
                text,
                "users {} groups {} whole {} arcep {} cnctr {}",
                list(&grant.users),
                list(&grant.groups),
                scopes.is_none(),
                seen(Scope::Arcep),
                seen(Scope::Cnctr)
            )
            .expect("a string takes everything");
        }
        text
    }
}

/// The lists that somebody with these scopes is on.
fn of(scopes: Scopes, overseers: &mut Overseers) -> Vec<(&'static str, &mut Vec<u32>)> {
    if scopes.is_whole() {
        return vec![("whole", &mut overseers.whole)];
    }
    let mut lists = Vec::new();
    if scopes.holds(&[Scope::Arcep]) {
        lists.push(("arcep", &mut overseers.arcep));
    }
    if scopes.holds(&[Scope::Cnctr]) {
        lists.push(("cnctr", &mut overseers.cnctr));
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(users: &[Account], groups: &[&str], scopes: Option<&[Scope]>) -> Grant {
        Grant {
            role: Role::Oversight,
            users: users.to_vec(),
            groups: groups
                .iter()
                .map(|name| Account::Name((*name).into()))
                .collect(),
            scopes: scopes.map(<[Scope]>::to_vec),
        }
    }

    #[test]
    fn whoever_is_taken_out_anywhere_changes_the_table() {
        let ann = Account::Name("ann".into());
        let grants = [
            grant(&[ann, Account::Id(7)], &[], Some(&[Scope::Arcep])),
            grant(&[], &["audit"], None),
        ];
        let passwd = "ann:x:1000:100::/:\nben:x:1001:50::/:\neve:x:1002:100::/:\n";
        let group = "audit:x:50:eve\n";
        let among = |grants: &[Grant], passwd: &str, group: &str| {
            Overseen::new(grants).among(&Accounts::parse(passwd, group))
        };
        let all = among(&grants, passwd, group);
        assert_eq!(
            (&all.whole[..], &all.arcep[..]),
            (&[1001, 1002][..], &[7, 1000][..])
        );
        assert!(all.cnctr.is_empty() && all.more == 0);
        // From passwd, from the group's members, from the configuration, and out of a scope.
        let out = among(&grants, &passwd.replace("ann:", "old:"), group);
        assert_eq!(out.arcep, [7]);
        let out = among(&grants, passwd, "audit:x:50:\n");
        assert_eq!(out.whole, [1001]);
        let out = among(&grants[..1], passwd, group);
        assert!(out.whole.is_empty() && out.digest != all.digest);
        let mut other = grants.clone();
        other[0].scopes = Some(vec![Scope::Cnctr]);
        let moved = among(&other, passwd, group);
        assert_eq!((moved.cnctr.len(), moved.arcep.len()), (2, 0));
    }

    #[test]
    fn a_table_that_does_not_fit_is_counted() {
        let many: Vec<Account> = (1..=100).map(Account::Id).collect();
        let table = |users: &[Account]| {
            let grants = [grant(users, &[], None)];
            Overseen::new(&grants).among(&Accounts::default())
        };
        let overseers = table(&many);
        assert_eq!(
            (overseers.whole.len(), overseers.more),
            (Overseers::MOST, 36)
        );
        let mut other = many;
        other[99] = Account::Id(101);
        assert_ne!(
            table(&other).digest,
            overseers.digest,
            "the digest has them all"
        );
    }
}
