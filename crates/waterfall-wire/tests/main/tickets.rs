//! A ticket survives people: wrapping, capitals, blanks. A typing error is called one.

use waterfall_wire::{DecodeError, ParseTicketError, Ticket};

use crate::samples::ticket;

fn read(text: &str) -> Result<Ticket, ParseTicketError> {
    text.parse()
}

#[test]
fn a_ticket_may_be_wrapped_shouted_and_spaced() {
    let text = ticket().to_string();
    assert!(text.is_ascii() && !text.contains(char::is_whitespace));
    let characters: Vec<char> = text.chars().collect();
    let wrapped: String = characters.chunks(10).flat_map(|line| line.iter().chain(&['\r', '\n', '\t'])).collect();
    let spaced: String = characters.iter().flat_map(|c| [*c, ' ']).collect();
    let mixed: String =
        characters.iter().enumerate().map(|(i, c)| if i % 3 == 0 { c.to_ascii_uppercase() } else { *c }).collect();
    // A no-break space, as text taken from a web page may have.
    let page = text.replacen(':', ":\u{a0}", 1);
    for variant in [wrapped, spaced, mixed, text.to_uppercase(), format!("\n {text} \n"), page] {
        assert_eq!(read(&variant), Ok(ticket()), "{variant}");
    }
}

#[test]
fn one_wrong_character_anywhere_is_noticed() {
    let text = ticket().to_string();
    let scheme = "waterfall:".len();
    for at in 0..text.len() {
        for wrong in ['a', 'q', '7', '2'] {
            let mut typo = text.clone();
            typo.replace_range(at..=at, &wrong.to_string());
            if typo == text {
                continue;
            }
            match read(&typo) {
                Err(ParseTicketError::Scheme) if at < scheme => {}
                Err(ParseTicketError::Checksum) if at >= scheme => {}
                // Bits of the last character that stand for nothing.
                Err(ParseTicketError::Base32) if at == text.len() - 1 => {}
                other => panic!("{wrong} at {at}: {other:?}"),
            }
        }
    }
}

#[test]
fn two_swapped_characters_are_noticed() {
    let text = ticket().to_string();
    for at in "waterfall:".len()..text.len() - 1 {
        let mut swapped = text.clone().into_bytes();
        swapped.swap(at, at + 1);
        let swapped = String::from_utf8(swapped).unwrap();
        assert!(swapped == text || read(&swapped).is_err(), "at {at}");
    }
}

#[test]
fn a_cut_or_extended_ticket_is_noticed() {
    let text = ticket().to_string();
    for len in 0..text.len() {
        let error = read(&text[..len]).unwrap_err();
        let expected = if len < "waterfall:".len() {
            matches!(error, ParseTicketError::Scheme)
        } else {
            matches!(error, ParseTicketError::Base32 | ParseTicketError::Checksum)
        };
        assert!(expected, "{len} characters: {error:?}");
    }
    assert!(read(&format!("{text}{text}")).is_err());
    for more in ["a", "aa", "aaaaaaaa"] {
        assert!(read(&format!("{text}{more}")).is_err());
    }
}

#[test]
fn what_is_no_ticket_is_refused_by_kind() {
    assert_eq!(read(""), Err(ParseTicketError::Scheme));
    assert_eq!(read("https://example.org/"), Err(ParseTicketError::Scheme));
    assert_eq!(read("waterfall:"), Err(ParseTicketError::Checksum));
    for foreign in ["waterfall:01890", "waterfall:aaaa-aaaa", "waterfall:\u{e4}\u{e4}", "waterfall:\u{1f3a5}"] {
        assert_eq!(read(foreign), Err(ParseTicketError::Base32));
    }
    assert_eq!(read(&format!("waterfall:{}", "a".repeat(9_000))), Err(ParseTicketError::TooLong));
    assert_eq!(read(&" ".repeat(9_000)), Err(ParseTicketError::TooLong));
}

#[test]
fn an_intact_ticket_of_a_later_version_says_so() {
    // [2, "hello"] with its checksum, as a later version might write it.
    let payload = [0x82, 0x02, 0x65, b'h', b'e', b'l', b'l', b'o'];
    let text = text_of(&payload);
    let expected = ParseTicketError::Decode(DecodeError::Version { name: "ticket", found: 2 });
    assert_eq!(read(&text), Err(expected.clone()));
    assert_eq!(expected.to_string(), "the ticket cannot be read: ticket: version 2, this build speaks version 1");
}

#[test]
fn an_intact_text_of_other_bytes_does_not_decode() {
    assert!(matches!(read(&text_of(&[])), Err(ParseTicketError::Decode(_))));
    assert!(matches!(read(&text_of(&[0x81, 0x01])), Err(ParseTicketError::Decode(_))));
    assert!(matches!(read(&text_of(&[0; 3_000])), Err(ParseTicketError::Decode(DecodeError::TooLong { .. }))));
}

fn text_of(payload: &[u8]) -> String {
    use sha2::Digest;
    let sum = sha2::Sha256::digest(payload);
    let encoded = data_encoding::BASE32_NOPAD.encode(&[payload, &sum[..4]].concat());
    format!("waterfall:{}", encoded.to_lowercase())
}
