//! What isn't taken is tried again, by a clock that is turned.

use super::*;

#[tokio::test]
async fn what_isn_t_taken_is_tried_again_ever_later_and_then_given_up() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, receiver) = (server.log_in("root").await, Receiver::start().await);
    hook(&root, &receiver, &["channels"]).await;
    receiver.answer(Answer::Redirect("http://127.0.0.1:9/".to_owned()));
    for name in ["One", "Two"] {
        root.create_channel(None, name).await.unwrap();
    }
    let pauses = [Duration::from_secs(5), 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];
    for (tried, pause) in (1..).zip(pauses) {
        receiver.wait(tried).await;
        // It is known what came of it, before time goes on.
        eventually("the try is noted", async || {
            let found = root.hook_deliveries(1, 0, 0).await.unwrap();
            (found.last().unwrap().tries.len() == tried).then_some(())
        })
        .await;
        clock.advance(pause.saturating_sub(Duration::from_millis(1)));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(receiver.all().len(), tried, "not before {pause:?}");
        clock.advance(pause / 5 + Duration::from_millis(1));
    }
    let given_up = with_state(&root, HookDeliveryState::GivenUp).await;
    assert_eq!((given_up.number, given_up.tries.len()), (1, 8));
    assert!(given_up.tries.iter().all(|one| one.status == 307), "{given_up:?}");
    let all = receiver.wait(9).await;
    assert!(all[..8].iter().all(|one| one.id() == all[0].id()));
    assert_ne!(all[8].id(), all[0].id(), "the next one goes on");
    assert_eq!(all[8].body["data"]["name"], "Two");
    assert!(only(&root).await.failing_ms > 0);

    // Its receiver says that it is gone.
    receiver.answer(Answer::Status(410, "gone for good"));
    turn(&clock, &receiver, 10, Duration::from_secs(1)).await;
    is_off(&root, HookOff::Gone).await;
    let last = root.hook_deliveries(1, 0, 0).await.unwrap().remove(0);
    assert_eq!(
        (last.state(), last.tries.last().unwrap().answer.as_str()),
        (HookDeliveryState::Waiting, "gone for good")
    );
    root.create_channel(None, "Unheard").await.unwrap();
    assert_eq!(code(root.test_hook(1).await), ErrorCode::Malformed);
    assert_eq!(code(root.replay_hook(1, 1, false).await), ErrorCode::Malformed);

    // Turned on it goes on where it was, and says that something is missing.
    receiver.answer(Answer::Status(200, ""));
    root.edit_hook(wire::EditHook { id: 1, on: Some(true), ..Default::default() }).await.unwrap();
    let all = receiver.wait(12).await;
    assert_eq!((all[10].id(), all[11].word()), (all[8].id(), "missed"));
    assert_eq!(all[11].body["data"]["why"], "off");
    root.create_channel(None, "Heard").await.unwrap();
    assert_eq!(receiver.wait(13).await[12].body["data"]["name"], "Heard");
}

#[tokio::test]
async fn a_webhook_that_fails_for_five_days_is_off_and_its_owner_is_written_to() {
    let (server, clock) = TestServer::turned(LOOPBACK).await;
    let (root, alice, receiver) =
        (server.log_in("root").await, server.log_in("alice").await, Receiver::start().await);
    alice.set_email("a@example.org", PASSWORD).await.unwrap();
    let proof = code_in(mails(&server, 1).await[0]["text"].as_str().unwrap());
    alice.verify_email(&proof).await.unwrap();
    hook(&alice, &receiver, &["channels"]).await;
    receiver.answer(Answer::Status(503, "tea break"));
    for number in 0..8 {
        root.create_channel(None, &format!("Channel {number}")).await.unwrap();
    }
    receiver.wait(1).await;
    let mut days = 0;
    while only(&alice).await.off() == HookOff::On {
        let before = receiver.all().len();
        clock.advance(12 * HOUR);
        days += 1;
        eventually("it is tried again, or is off", async || {
            (receiver.all().len() > before || only(&alice).await.off() != HookOff::On).then_some(())
        })
        .await;
        assert!(days < 14, "it is never off");
    }
    assert!(days >= 10, "after {days} halves of a day");
    is_off(&alice, HookOff::Failing).await;
    let audit = root.audit_trail(wire::ReadAudit::default()).await.unwrap();
    let off = audit.iter().find(|entry| entry.subject == "webhook" && entry.verb == "change").unwrap();
    assert!(off.after.contains("failing"), "{off:?}");
    let handle = server.server.handle();
    assert!(handle.clock().wall().since(handle.started()) >= 5 * DAY);
    let is_about_it = |mail: &serde_json::Value| mail["subject"].as_str().unwrap().contains("webhook");
    let letter =
        eventually("a letter comes", async || mails(&server, 1).await.into_iter().find(is_about_it)).await;
    assert_eq!(letter["to"], "a@example.org");
    let text = letter["text"].as_str().unwrap();
    assert!(text.contains("status 503") && text.contains("parlour hook on 1"), "{text}");
}
