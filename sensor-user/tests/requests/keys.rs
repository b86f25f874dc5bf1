//! Keys of whoever asks, and of the sensor.

use age::x25519::Identity;
use sensor_user::{
    config::Issuer,
    envelope::{Issuers, SignerKey, VerifierKey},
    model::{ContentKind, RequestType},
};

/// Whose keys there are.
pub struct Keys {
    pub signers: Vec<(ContentKind, SignerKey)>,
    pub identities: Vec<(RequestType, Identity)>,
    pub sensor: VerifierKey,
    /// A key that the operator no longer pins.
    pub unpinned: Option<ContentKind>,
}

impl Keys {
    pub fn new(sensor: &SignerKey) -> Self {
        use ContentKind as K;
        let key = |kind, name| (kind, SignerKey::generate(name).expect("a key"));
        let types = [RequestType::A, RequestType::B, RequestType::C];
        Self {
            signers: vec![
                key(K::RequestA, "authority.example"),
                key(K::RequestB, "authority.example"),
                key(K::RequestC, "gic.example"),
                key(K::RequestNotice, "authority.example"),
                key(K::Markers, "authority.example"),
            ],
            identities: types.map(|kind| (kind, Identity::generate())).into(),
            sensor: sensor.public().clone(),
            unpinned: None,
        }
    }

    pub fn signer(&self, kind: ContentKind) -> &SignerKey {
        let found = self.signers.iter().find(|(one, _)| *one == kind);
        &found.expect("each kind has a key").1
    }

    pub fn identity(&self, kind: RequestType) -> &Identity {
        let found = self.identities.iter().find(|(one, _)| *one == kind);
        &found.expect("each type has a key").1
    }

    pub fn pinned(&self) -> Issuers {
        let issuer = |(kind, key): &(ContentKind, SignerKey)| Issuer {
            key: key.public().to_string(),
            not_before: None,
            not_after: None,
            authority: *kind != ContentKind::RequestC,
            kind: *kind,
        };
        let pinned = self
            .signers
            .iter()
            .filter(|(kind, _)| Some(*kind) != self.unpinned);
        let issuers: Vec<Issuer> = pinned.map(issuer).collect();
        Issuers::of(&issuers).expect("the keys differ")
    }
}
