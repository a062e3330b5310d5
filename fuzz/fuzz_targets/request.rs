//! What a client sends, as the server reads it: a request of any group, and what is sent back of it reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::protocol::call::Call;
use parlour::protocol::operation::Group;
use parlour::protocol::wire::Request;
use parlour::protocol::{MAX_REQUEST, decode, encode};

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = decode::<Request>(bytes, MAX_REQUEST) else { return };
    // It may say less than its bytes did, but never more.
    let again = encode(&request);
    if again.len() <= MAX_REQUEST {
        assert_eq!(encode(&decode::<Request>(&again, MAX_REQUEST).expect("what is written reads")), again);
    }
    let Some(body) = request.body else { return };
    let call = Call::from(body);
    let operation = call.operation();
    let (group, on) = match &call {
        Call::Entry(it) => (Group::Entry, it.on()),
        Call::Live(it) => (Group::Live, it.on()),
        Call::View(it) => (Group::View, it.on()),
        Call::Element(it) => (Group::Element, it.on()),
        Call::Profile(it) => (Group::Profile, it.on()),
        Call::Hook(it) => (Group::Hook, it.on()),
        Call::Flow(it) => (Group::Flow, it.on()),
        Call::Plugin(it) => (Group::Plugin, it.on()),
        Call::Directory(it) => (Group::Directory, it.on()),
        Call::Recording(it) => (Group::Recording, it.on()),
        Call::Account(it) => (Group::Account, it.on()),
        Call::Admission(it) => (Group::Admission, it.on()),
        Call::Rights(it) => (Group::Rights, it.on()),
        Call::Operator(it) => (Group::Operator, it.on()),
        Call::Organizations(it) => (Group::Organizations, it.on()),
    };
    assert_eq!(operation.group, group);
    let _ = on;
});
