//! Whatever a person may paste in place of a ticket.
#![no_main]

use libfuzzer_sys::fuzz_target;
use waterfall_wire::Ticket;

fuzz_target!(|text: &str| {
    if let Ok(ticket) = text.parse::<Ticket>() {
        assert_eq!(ticket.to_string().parse(), Ok(ticket), "a ticket that reads differently once written");
    }
});
