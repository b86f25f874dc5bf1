//! Whom a sink trusts, and how it shows who it is.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

use super::Reason;
use crate::config::Tls;

/// TLS 1.2 or 1.3 with ring's algorithms. The provider is handed over, not installed: the library
/// sets nothing for the whole process.
pub(super) fn config(tls: &Tls) -> Result<ClientConfig, Reason> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| said("tls", format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots(tls.ca.as_deref())?);
    let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unread(key, &error))?;
    builder
        .with_client_auth_cert(chain, secret)
        .map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            let text = format!("{certificate} and {key} are no pair that TLS can use: {error}");
            said("certificate", text)
        })
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, Reason> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            let text = "the system has no certificate authorities: install ca-certificates, or set \
                        tls.ca";
            return Err(said("certificate", text.into()));
        }
        return Ok(roots);
    };
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| {
            let text = format!(
                "{}: no certificate of an authority: {error}",
                path.display()
            );
            said("certificate", text)
        })?;
    }
    Ok(roots)
}

/// All of a PEM file; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Reason> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unread(path, &error))?;
    if all.is_empty() {
        return Err(unread(path, &pem::Error::NoItemsFound));
    }
    Ok(all)
}

fn unread(path: &Path, error: &pem::Error) -> Reason {
    said("certificate", format!("{}: {error}", path.display()))
}

fn said(code: &str, text: String) -> Reason {
    Reason {
        code: code.into(),
        text,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_systems_authorities_are_the_default() {
        assert!(config(&Tls::default()).is_ok());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ca.pem");
        let tls = Tls {
            ca: Some(path.clone()),
            ..Tls::default()
        };
        for content in [None, Some(""), Some("not PEM")] {
            if let Some(content) = content {
                fs::write(&path, content).expect("a writable directory");
            }
            let reason = config(&tls).expect_err("nothing to trust");
            assert_eq!(reason.code, "certificate");
            assert!(reason.text.contains("ca.pem"), "{reason:?}");
        }
    }
}
