//! Users and groups from the host's own files (passwd(5), group(5)).
//!
//! Only these files are read: the agent has no place for NSS modules, which are foreign code. A
//! user that comes from a directory service is configured by number.

use std::{fs, path::Path};

use crate::config::Account;

/// The two databases, as far as roles need them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Accounts {
    /// Reads the host's databases; one that cannot be read is empty, so that nobody gains by it.
    #[must_use]
    pub fn of_host() -> Self {
        let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
        Self::parse(&read("/etc/passwd"), &read("/etc/group"))
    }

    /// Reads the text of passwd(5) and group(5). Lines that cannot be read are passed over.
    #[must_use]
    pub fn parse(passwd: &str, group: &str) -> Self {
        let user = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(User { name, uid, gid })
        };
        let group_of = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next()?.to_owned();
            let gid = fields.nth(1)?.parse().ok()?;
            let members = fields.next().unwrap_or_default();
            let members = members.split(',').map(|m| m.trim().to_owned()).collect();
            Some(Group { name, gid, members })
        };
        Self {
            users: passwd.lines().filter_map(user).collect(),
            groups: group.lines().filter_map(group_of).collect(),
        }
    }

    /// Whether `account` is the user with this number.
    #[must_use]
    pub fn is_user(&self, account: &Account, uid: u32) -> bool {
        match account {
            Account::Id(id) => *id == uid,
            Account::Name(name) => self.users.iter().any(|u| u.uid == uid && u.name == *name),
        }
    }

    /// Whether the user is in the group `account`: by the process's own primary group, by that of
    /// the database, or by the group's list of members.
    #[must_use]
    pub fn in_group(&self, account: &Account, uid: u32, gid: u32) -> bool {
        let Some(group) = self.gid(account) else {
            return false;
        };
        let named = |name: &str| {
            let mut same = self.groups.iter().filter(|g| g.gid == group);
            same.any(|g| g.members.iter().any(|member| member == name))
        };
        gid == group
            || self
                .users
                .iter()
                .any(|user| user.uid == uid && (user.gid == group || named(&user.name)))
    }

    /// Every user of passwd(5), with its primary group.
    pub fn all(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.users.iter().map(|user| (user.uid, user.gid))
    }

    /// Numbers of a user and its primary group; none where it is not in passwd(5).
    #[must_use]
    pub fn user(&self, account: &Account) -> Option<(u32, u32)> {
        let same = |user: &&User| match account {
            Account::Id(uid) => user.uid == *uid,
            Account::Name(name) => user.name == *name,
        };
        let found = self.users.iter().find(same);
        found.map(|user| (user.uid, user.gid))
    }

    /// Number of a group; none where the name is unknown.
    #[must_use]
    pub fn gid(&self, account: &Account) -> Option<u32> {
        match account {
            Account::Id(id) => Some(*id),
            Account::Name(name) => self.groups.iter().find(|g| g.name == *name).map(|g| g.gid),
        }
    }

    /// Whether a configured user is known here; a number always is.
    #[must_use]
    pub fn knows_user(&self, account: &Account) -> bool {
        match account {
            Account::Id(_) => true,
            Account::Name(name) => self.users.iter().any(|u| u.name == *name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Account {
        Account::Name(text.into())
    }

    #[test]
    fn groups_are_found_in_three_ways() {
        let accounts = Accounts::parse(
            "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nbob:x:1001:50::/:/bin/sh\nbroken\n",
            "root:x:0:\nnoc:x:50:carol,alice\nempty:x:51:\n:::\n",
        );
        assert!(accounts.is_user(&name("alice"), 1000) && accounts.is_user(&Account::Id(7), 7));
        assert!(!accounts.is_user(&name("alice"), 1001) && !accounts.is_user(&name("nobody"), 0));
        assert!(
            accounts.in_group(&name("noc"), 1000, 1000),
            "listed as a member"
        );
        assert!(
            accounts.in_group(&name("noc"), 1001, 99),
            "primary group in passwd"
        );
        assert!(
            accounts.in_group(&name("noc"), 5, 50),
            "the process's own group"
        );
        assert!(accounts.in_group(&Account::Id(50), 1000, 1000), "by number");
        assert!(!accounts.in_group(&name("empty"), 1000, 1000));
        assert!(!accounts.in_group(&name("unknown"), 0, 0));
    }
}
