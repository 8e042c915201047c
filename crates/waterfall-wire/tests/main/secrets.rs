//! What must not reach a log does not reach `Debug`.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use waterfall_wire::{AskBody, LinkMessage, Ticket};

use crate::samples::{ask, key, offer, session, ticket};

/// Whether a text shows bytes in any usual notation.
fn shows(text: &str, secret: &[u8]) -> bool {
    let text = text.to_lowercase();
    let notations = [
        HEXLOWER.encode(secret),
        BASE32_NOPAD.encode(secret).to_lowercase(),
        data_encoding::BASE64.encode(secret).to_lowercase(),
        format!("{secret:?}"),
        format!("{secret:#?}"),
        format!("{secret:02x?}"),
        String::from_utf8_lossy(secret).to_lowercase(),
    ];
    notations.iter().any(|notation| text.contains(notation.trim_matches(['[', ']'])))
}

#[test]
fn a_ticket_hides_its_locator() {
    let secret: [u8; 32] = std::array::from_fn(|i| 65 + i as u8);
    let Ticket { room, access, bootstrap, entries, .. } = ticket();
    let ticket = Ticket::new(room, secret, access, bootstrap, entries);
    for text in [format!("{ticket:?}"), format!("{ticket:#?}")] {
        assert!(!shows(&text, &secret), "{text}");
        assert!(!text.contains(ticket.to_string().trim_start_matches("waterfall:")));
        assert!(text.contains(&room.short()), "{text} names its room");
    }
}

#[test]
fn a_signing_key_shows_its_public_half() {
    for n in [1, 65] {
        let key = key(n);
        for text in [format!("{key:?}"), format!("{key:#?}")] {
            assert!(!shows(&text, &key.to_bytes()), "{text}");
            assert!(text.contains(&key.node_id().short()), "{text}");
        }
    }
}

#[test]
fn a_session_hides_its_ice_password_wherever_it_is() {
    let pwd = session().pwd;
    let ask = ask(AskBody::Offer(offer()));
    for text in [format!("{:?}", session()), format!("{ask:?}"), format!("{ask:#?}")] {
        assert!(!text.contains(&pwd), "{text}");
    }
}

#[test]
fn addresses_are_counted_not_shown() {
    let contact = crate::samples::contact(1);
    let text = format!("{contact:?}");
    assert!(text.contains("Address(8 bytes)"), "{text}");
    assert!(!shows(&text, &contact.addresses[0].0), "{text}");
}

#[test]
fn errors_repeat_no_input() {
    let text = ticket().to_string().replacen('a', "b", 3);
    let error = text.parse::<Ticket>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&text[20..40]));
    let error = waterfall_wire::decode::<LinkMessage>(b"\x82\x63secret").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}
