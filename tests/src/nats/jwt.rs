//! Identities of NATS in its decentralised form: signed by an operator and an account, as `nsc`
//! makes them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use serde_json::{Value, json};

/// An account with a user, under an operator of its own.
#[derive(Debug)]
pub struct Account {
    /// What a server that knows the operator is configured with.
    pub configuration: String,
    user: KeyPair,
    token: String,
}

impl Account {
    /// New keys, an account that may use JetStream, and a user who may do everything in it.
    ///
    /// # Panics
    /// When a key cannot sign.
    #[must_use]
    pub fn new() -> Self {
        let operator = KeyPair::new_operator();
        let [account, system] = [KeyPair::new_account(), KeyPair::new_account()];
        let user = KeyPair::new_user();
        let owner = token(
            &operator,
            &operator,
            json!({ "type": "operator", "version": 2 }),
        );
        let [account_token, system_token] = [&account, &system].map(|one| {
            let storage = if std::ptr::eq(one, &account) { -1 } else { 0 };
            let claims = json!({
                "limits": { "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1,
                    "data": -1, "payload": -1, "wildcards": true, "mem_storage": storage,
                    "disk_storage": storage, "streams": storage, "consumer": storage },
                "default_permissions": { "pub": {}, "sub": {} },
                "type": "account", "version": 2,
            });
            token(&operator, one, claims)
        });
        let claims = json!({ "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
            "type": "user", "version": 2 });
        let configuration = format!(
            "operator: \"{owner}\"\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n\
             {}: \"{account_token}\"\n{}: \"{system_token}\"\n}}",
            system.public_key(),
            account.public_key(),
            system.public_key(),
        );
        Self {
            configuration,
            token: token(&account, &user, claims),
            user,
        }
    }

    /// The credentials file of the user.
    ///
    /// # Panics
    /// Never: its key has a seed.
    #[must_use]
    pub fn credentials(&self) -> String {
        let part = |name: &str, content: &str| {
            format!("-----BEGIN {name}-----\n{content}\n------END {name}------\n\n")
        };
        let seed = self.user.seed().expect("a key with a seed");
        part("NATS USER JWT", &self.token) + &part("USER NKEY SEED", &seed)
    }

    /// How the user answers a server's challenge.
    ///
    /// # Panics
    /// When the key cannot sign.
    #[must_use]
    pub fn login(&self, nonce: &str) -> Value {
        let signature = self.user.sign(nonce.as_bytes()).expect("a key that signs");
        json!({ "jwt": self.token, "sig": URL_SAFE_NO_PAD.encode(signature) })
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

fn token(issuer: &KeyPair, subject: &KeyPair, nats: Value) -> String {
    let claims = json!({
        "jti": "TEST",
        "iat": 1_767_225_600,
        "iss": issuer.public_key(),
        "name": "test",
        "sub": subject.public_key(),
        "nats": nats,
    });
    let head = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let [head, claims] = [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{head}.{claims}");
    let signature = issuer.sign(signed.as_bytes()).expect("a key that signs");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
