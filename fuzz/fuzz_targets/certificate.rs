//! Files with certificates, which somebody sent and somebody else names on the command line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_keys::openpgp::Certificate;
use waterfall_wire::UnixMillis;

/// 2026-06-01.
const NOW: UnixMillis = UnixMillis(1_780_272_000_000);

fuzz_target!(|file: &[u8]| {
    for certificate in Certificate::read_all(file).unwrap_or_default() {
        let details = certificate.details(NOW);
        assert_eq!(details.recipient, certificate.check_recipient(NOW));
        assert_eq!(Certificate::read_all(&certificate.to_bytes()), Ok(vec![certificate]));
    }
});
