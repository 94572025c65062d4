use std::thread;

use super::*;

fn channel(capacity: u64) -> Channel {
    let options = ChannelOptions { capacity, codec: 1, producers: 0, max_message: 0 };
    Channel::create(&options, &CreateOptions::default()).unwrap()
}

fn enter(channel: &Channel, side: Side) {
    assert!(matches!(channel.enter(side, Duration::from_secs(10), true).unwrap(), Entered::Taken { .. }));
}

fn wait(channel: &Channel, timeout: Duration) -> Waited {
    let mut is_first = true;
    loop {
        match channel.wait(Side::Receivers, 0, timeout, Duration::ZERO, is_first).unwrap() {
            Waited::Again => is_first = false,
            other => return other,
        }
    }
}

/// Sends and receives a message in fragments in turns, from any position in the ring.
fn pass(channel: &Channel, lead: Option<u8>, message: &[u8]) -> Vec<u8> {
    let length = message.len() as u64 + u64::from(lead.is_some());
    enter(channel, Side::Senders);
    enter(channel, Side::Receivers);
    let mut target = Vec::new();
    let (mut sent, mut arrived) = (0, 0);
    loop {
        let before = (sent, arrived);
        if sent < length {
            sent = channel.send_part(lead, message, sent).unwrap();
        }
        if target.is_empty() {
            assert_eq!(channel.begin().unwrap(), Found::First(length));
            target = vec![0; usize::try_from(length).unwrap()];
        }
        match channel.receive_part(&mut target, arrived).unwrap() {
            Part::Arrived(bytes) => arrived = bytes,
            Part::Cut => panic!("cut at {arrived} of {length}"),
        }
        if arrived == length {
            break;
        }
        assert_ne!((sent, arrived), before, "there is room, and nothing is sent");
    }
    assert!(channel.leave(Side::Senders).unwrap());
    assert!(channel.leave(Side::Receivers).unwrap());
    target
}

#[test]
fn fragments_go_on_from_every_place_in_the_ring() {
    let channel = channel(4096);
    let capacity = u32::try_from(channel.header().capacity / 8).unwrap();
    for start in 0..=capacity {
        channel
            .with(|shared, _| {
                use algorithm::World;
                shared.store(algorithm::Word::Head, start.wrapping_sub(capacity / 2));
                shared.store(algorithm::Word::Tail, start.wrapping_sub(capacity / 2));
                Ok(())
            })
            .unwrap();
        for length in [513, 700, 777, 4096, 9001] {
            let message: Vec<u8> = (0..length).map(|at| (at * 7 + start).to_le_bytes()[0]).collect();
            assert_eq!(pass(&channel, None, &message), message, "{length} bytes from {start}");
            let (lead, rest) = message.split_first().unwrap();
            assert_eq!(pass(&channel, Some(*lead), rest), message, "{length} bytes from {start}, the first elsewhere");
        }
    }
    channel.dispose().unwrap();
}

#[test]
fn a_message_whose_sender_gives_up_is_cut() {
    let receiver = channel(4096);
    let sender = Channel::attach(receiver.name(), AttachOptions::default()).unwrap();
    enter(&sender, Side::Senders);
    let sent = sender.send_part(None, &[1; 10_000], 0).unwrap();
    assert!(sent > 1000 && sent < 10_000);
    enter(&receiver, Side::Receivers);
    assert_eq!(receiver.begin().unwrap(), Found::First(10_000));
    let mut target = vec![0; 10_000];
    assert_eq!(receiver.receive_part(&mut target, 0).unwrap(), Part::Arrived(sent));
    sender.give_up();
    // A waiter recovers the dead sender's lock.
    assert_eq!(wait(&receiver, Duration::from_millis(300)), Waited::TimedOut);
    assert_eq!(receiver.receive_part(&mut target, sent).unwrap(), Part::Cut);
    receiver.leave(Side::Receivers).unwrap();
    receiver.dispose().unwrap();
}

#[test]
fn a_sleeper_is_woken_by_a_message_and_by_the_end() {
    let receiver = channel(4096);
    let sender = Channel::attach(receiver.name(), AttachOptions::default()).unwrap();
    let waiting = thread::spawn(move || {
        assert_eq!(wait(&receiver, Duration::from_secs(20)), Waited::Ready);
        // The fragments of the message may arrive one after the other.
        let end = loop {
            enter(&receiver, Side::Receivers);
            receiver.skip().unwrap();
            assert_eq!(receiver.begin().unwrap(), Found::Nothing, "what is left of a message is dropped");
            receiver.leave(Side::Receivers).unwrap();
            match wait(&receiver, Duration::from_secs(20)) {
                Waited::Ready => {}
                end => break end,
            }
        };
        assert_eq!(end, Waited::Ended);
        receiver.dispose().unwrap();
    });
    sender.join(Role::PRODUCER).unwrap();
    enter(&sender, Side::Senders);
    sender.send_part(None, &[1; 1000], 0).unwrap();
    sender.leave(Side::Senders).unwrap();
    sender.shutdown(false).unwrap();
    waiting.join().unwrap();
}

/// Takes a lock that another thread may have for a while.
fn enter_in_turn(channel: &Channel, side: Side) {
    let mut entered = channel.enter(side, Duration::from_mins(1), true).unwrap();
    while entered == Entered::Again {
        entered = channel.enter(side, Duration::from_mins(1), false).unwrap();
    }
    assert!(matches!(entered, Entered::Taken { .. }));
}

/// Sends a message in fragments, which takes turns with its receiver.
fn send(channel: &Channel, message: &[u8]) {
    enter_in_turn(channel, Side::Senders);
    let mut sent = 0;
    while sent < message.len() as u64 {
        sent = channel.send_part(None, message, sent).unwrap();
        thread::yield_now();
    }
    channel.leave(Side::Senders).unwrap();
}

/// Receives messages until the stream ends.
fn receive_all(channel: &Channel) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    loop {
        match wait(channel, Duration::from_mins(1)) {
            Waited::Ready => {}
            Waited::Ended => return messages,
            other => panic!("{other:?}"),
        }
        enter_in_turn(channel, Side::Receivers);
        if let Found::First(length) = channel.begin().unwrap() {
            let mut message = vec![0; usize::try_from(length).unwrap()];
            let mut arrived = 0;
            while arrived < length {
                match channel.receive_part(&mut message, arrived).unwrap() {
                    Part::Arrived(bytes) => arrived = bytes,
                    Part::Cut => panic!("cut at {arrived} of {length}"),
                }
                thread::yield_now();
            }
            messages.push(message);
        }
        channel.leave(Side::Receivers).unwrap();
    }
}

#[test]
fn threads_receive_each_message_of_other_threads_once() {
    const COUNT: u8 = 40;
    let options = ChannelOptions { capacity: 4096, codec: 1, producers: 2, max_message: 0 };
    let owner = Channel::create(&options, &CreateOptions::default()).unwrap();
    let attach = || Channel::attach(owner.name(), AttachOptions::default()).unwrap();
    let receivers = [attach(), attach()].map(|channel| {
        thread::spawn(move || {
            let messages = receive_all(&channel);
            channel.close();
            messages
        })
    });
    let senders = [(attach(), 0), (attach(), COUNT)].map(|(channel, first)| {
        thread::spawn(move || {
            for number in first..first + COUNT {
                send(&channel, &vec![number; 5000 + 10 * usize::from(number)]);
            }
            channel.end().unwrap();
            channel.close();
        })
    });
    for sender in senders {
        sender.join().unwrap();
    }
    let mut messages: Vec<_> = receivers.into_iter().flat_map(|receiver| receiver.join().unwrap()).collect();
    messages.sort();
    let expected: Vec<_> = (0..2 * COUNT).map(|number| vec![number; 5000 + 10 * usize::from(number)]).collect();
    assert!(messages == expected, "{:?}", messages.iter().map(|message| message[0]).collect::<Vec<_>>());
    owner.dispose().unwrap();
}

#[test]
fn a_death_is_counted_once_and_told_to_each() {
    let a = channel(4096);
    let b = Channel::attach(a.name(), AttachOptions::default()).unwrap();
    let victim = Channel::attach(a.name(), AttachOptions::default()).unwrap();
    victim.join(Role::PRODUCER).unwrap();
    assert_eq!(a.peers().unwrap(), Peers { producers: 1, consumers: 0, undecided: 2 });
    victim.give_up();
    for _ in 0..2 {
        assert_eq!(a.peers().unwrap(), Peers { producers: 0, consumers: 0, undecided: 2 });
    }
    assert_eq!([a.mourn().unwrap(), b.mourn().unwrap(), a.mourn().unwrap()], [1, 1, 0]);
    a.dispose().unwrap();
}
