//! An authority of a test's own, and certificates from it as files.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

/// Issues certificates into a folder.
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one; its certificate is `NAME.pem` in `folder`.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let issuer = issuer.expect("a certificate");
        std::fs::write(folder.join(format!("{name}.pem")), issuer.pem()).expect("the folder is ours");
        Self { folder: folder.to_owned(), issuer }
    }

    /// An ECDSA certificate for these names: `FILE.pem` and `FILE.key`.
    pub fn issue(&self, file: &str, names: &[&str]) {
        self.issue_as(file, names, false, |_| {});
    }

    /// An RSA certificate.
    pub fn issue_rsa(&self, file: &str, names: &[&str]) {
        self.issue_as(file, names, true, |_| {});
    }

    /// One that has expired.
    pub fn issue_expired(&self, file: &str, names: &[&str]) {
        self.issue_as(file, names, false, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        });
    }

    /// One as public authorities issue them: for three months, for servers, with a list of what was revoked.
    pub fn issue_public(&self, file: &str, names: &[&str], is_rsa: bool) {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        self.issue_as(file, names, is_rsa, |params| {
            params.not_before = (SystemTime::now() - DAY).into();
            params.not_after = (SystemTime::now() + 89 * DAY).into();
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            let uris = vec!["http://authority.test/list.crl".to_owned()];
            params.crl_distribution_points = vec![CrlDistributionPoint { uris }];
            params.distinguished_name.push(DnType::CommonName, names[0]);
        });
    }

    /// One for a client, with a serial number by which it can be revoked.
    pub fn issue_client(&self, file: &str, common_name: &str, serial: u64) {
        self.issue_as(file, &[], false, |params| {
            params.serial_number = Some(SerialNumber::from(serial));
            params.distinguished_name.push(DnType::CommonName, common_name);
        });
    }

    /// One for a service, with a URI as its only name.
    pub fn issue_service(&self, file: &str, uri: &str) {
        self.issue_as(file, &[], false, |params| {
            params.subject_alt_names.push(SanType::URI(uri.try_into().expect("ASCII")));
        });
    }

    fn issue_as(
        &self,
        file: &str,
        names: &[&str],
        is_rsa: bool,
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let algorithm = if is_rsa { &PKCS_RSA_SHA256 } else { &PKCS_ECDSA_P256_SHA256 };
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        // The key last, in one step each, as certificate managers do it.
        self.put(&format!("{file}.pem"), certificate.pem());
        self.put(&format!("{file}.key"), key.serialize_pem());
    }

    /// A list that revokes one serial number: `FILE`.
    pub fn revoke(&self, file: &str, serial: u64) {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2096, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).expect("a list");
        self.put(file, list.pem().expect("PEM"));
    }

    /// Puts a file into the folder, in one step.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let fresh = self.folder.join(format!("{name}.new"));
        std::fs::write(&fresh, content).expect("the folder is ours");
        std::fs::rename(fresh, self.folder.join(name)).expect("the folder is ours");
    }
}
