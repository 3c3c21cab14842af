//! Every mutant: its name, the requirement it breaks, how, and the checks that must notice.

use crate::twist::Twist;

/// A mutant.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// The requirement that it breaks.
    pub requirement: &'static str,
    /// How.
    pub breaks: &'static str,
    /// The checks that must notice, as `case/check`.
    pub checks: &'static [&'static str],
    pub(crate) twist: Twist,
}

macro_rules! mutants {
    ($($name:literal $requirement:literal $twist:ident $breaks:literal [$($check:literal),+];)+) => {
        /// Every mutant.
        pub const MUTANTS: &[Row] = &[$(Row {
            name: $name,
            requirement: $requirement,
            breaks: $breaks,
            checks: &[$($check),+],
            twist: Twist::$twist,
        }),+];
    };
}

mutants! {
    "oversize-is-malformed" "WIRE-003" OversizeIsMalformed "an oversize length gets another code" ["oversize-length/closed"];
    "trailing-bytes-pass" "WIRE-004" TrailingBytesPass "bytes after a body's end are cut off and forgotten" ["trailing-bytes/closed"];
    "any-flags" "WIRE-005" AnyFlags "flags are set right before they are looked at" ["wrong-flags/closed"];
    "critical-is-skipped" "WIRE-006" CriticalIsSkipped "unknown critical kinds are skipped" ["unknown-critical/closed"];
    "any-padding" "WIRE-007" AnyPadding "an address's padding is not looked at" ["address-padding/closed"];
    "fin-is-nothing" "WIRE-008" FinIsNothing "the end of a control stream means nothing" ["truncated-frame/closed", "fin-without-goodbye/closed"];
    "any-stream" "WIRE-009" AnyStream "bytes on other streams are dropped" ["second-stream/closed"];
    "unsorted-parameters" "WIRE-010" UnsortedParameters "parameters are not looked at" ["unsorted-parameters/closed"];
    "close-is-internal" "WIRE-015" CloseIsInternal "every connection is closed with internal" ["goodbye-and-close/same"];
    "server-frames-pass" "SES-002" ServerFramesPass "frames that only a server may send are ignored" ["start-from-client/closed"];
    "any-version" "SES-004" AnyVersion "any range of versions will do" ["hello-versions/closed"];
    "any-resume-token" "SES-007" AnyResumeToken "a session is resumed with any token" ["resume-wrong-token/refused"];
    "no-acknowledgement" "SES-010" NoAcknowledgement "sequenced frames are not acknowledged" ["ack/acknowledged"];
    "ack-beyond" "SES-013" AckBeyond "an ACK of frames never sent is cut to what was sent" ["ack-of-nothing/closed"];
    "wrong-pong" "SES-014" WrongPong "PONG bears another token" ["ping/pong"];
    "goodbye-is-nothing" "SES-015" GoodbyeIsNothing "GOODBYE means nothing" ["goodbye/over"];
    "number-twice" "SES-017" NumberTwice "a request whose number is in use is dropped" ["request-in-use/closed"];
    "no-lookup-limit" "DIR-003" NoLookupLimit "lookups past the limit look like misses" ["lookup-flood/limited"];
    "hidden-is-forbidden" "DIR-005" HiddenIsForbidden "who is not to be found is forbidden to find" ["lookup-blocked/hidden"];
    "any-entry" "DIR-011" AnyEntry "oneself is taken for a contact" ["contact-own/refused"];
    "list-is-secret" "DIR-012" ListIsSecret "no session is told its list" ["contacts/told"];
    "changes-are-silent" "DIR-013" ChangesAreSilent "nobody is told of a change of the list" ["contact-set/told"];
    "blocks-nothing" "DIR-016" BlocksNothing "a block is kept as no entry" ["block/text"];
    "everyone-is-away" "DIR-021" EveryoneIsAway "who is there is shown as away" ["presence/told"];
    "presence-is-mute" "DIR-021" PresenceIsMute "what a user says of its presence is dropped" ["presence/told"];
    "presence-floods" "DIR-026" PresenceFloods "no change of presence is too many" ["presence-flood/limited"];
    "snapshot-lacks-one" "ROOM-002" SnapshotLacksOne "JOINED lacks a member" ["join/snapshot"];
    "leave-is-update" "ROOM-005" LeaveIsUpdate "a member that leaves is announced as an update" ["leave/told"];
    "any-secret" "ROOM-008" AnySecret "any secret opens a room" ["join-wrong-secret/refused"];
    "suspended-is-left" "ROOM-009" SuspendedIsLeft "a lost link is announced as a leave" ["room-suspended/told"];
    "first-is-member" "ROOM-012" FirstIsMember "who enters first is shown as any other member" ["moderator-first/first"];
    "any-name" "ROOM-014" AnyName "a name that is taken is forbidden" ["create-taken/refused"];
    "members-close" "ROOM-016" MembersClose "who is no moderator is told that it was done" ["close-by-member/refused"];
    "settings-are-silent" "ROOM-018" SettingsAreSilent "nobody is told of new settings" ["set-room/told"];
    "knocks-are-silent" "ROOM-020" KnocksAreSilent "no moderator is told who knocks" ["knock/told"];
    "kicked-is-left" "ROOM-026" KickedIsLeft "who was kicked is said to have left" ["kick/told"];
    "ban-is-secret" "ROOM-027" BanIsSecret "a banned user is told that there is no such room" ["ban/name"];
    "anyones-ticket" "ROOM-031" AnyonesTicket "whoever bears a ticket is told that it is in" ["grant-other-user/refused"];
    "data-twice" "CHAN-002" DataTwice "DATA_FROM is brought twice" ["data/once"];
    "data-is-cut" "CHAN-002" DataIsCut "DATA_FROM lacks the last byte" ["data/bytes"];
    "data-is-text" "CHAN-002" DataIsText "bytes of data that are no ASCII become question marks" ["data/bytes"];
    "wrong-sender" "CHAN-003" WrongSender "TEXT_FROM names another user as its sender" ["text/brought"];
    "nobody-is-mentioned" "CHAN-012" NobodyIsMentioned "a mention is dropped" ["text-mention/brought"];
    "no-number" "CHAN-013" NoNumber "RESULT bears no number" ["text-number/same"];
    "anyone-has-read" "CHAN-014" AnyoneHasRead "RECEIPT_FROM names another user as the reader" ["receipt/brought"];
    "delivered-early" "CHAN-004" DeliveredEarly "delivered is said before the receiver has acknowledged" ["text-unacknowledged/early"];
    "offline-is-forbidden" "CHAN-005" OfflineIsForbidden "a message to nobody is forbidden" ["text-unreachable/refused"];
    "reject-is-cancel" "CALL-004" RejectIsCancel "a declined call ends as cancelled" ["reject/told"];
    "stranger-hangs-up" "CALL-009" StrangerHangsUp "END from a stranger ends the call" ["end-by-stranger/refused"];
    "caller-accepts" "CALL-012" CallerAccepts "the caller's ACCEPT is taken for the callee's" ["accept-by-caller/refused"];
    "answered-is-forgotten" "CALL-013" AnsweredIsForgotten "a second answer is told that there is no call" ["cancel-after-accept/refused"];
    "id-is-busy" "CALL-014" IdIsBusy "an id in use is answered as busy" ["invite-id-in-use/refused"];
    "busy-is-offline" "CALL-020" BusyIsOffline "a busy callee looks offline" ["invite-busy/refused"];
    "glare-is-busy" "CALL-021" GlareIsBusy "glare is answered as busy" ["invite-glare/refused"];
    "self-is-offline" "CALL-023" SelfIsOffline "a call to oneself looks like one to nobody" ["invite-self/refused"];
    "wider-media" "CALL-024" WiderMedia "an ACCEPT with too much media is cut to the offer" ["accept-wider/refused"];
    "altered-block" "CALL-027" AlteredBlock "the end-to-end block of INVITE is altered" ["invite-block/block"];
    "streams-are-silent" "MEDIA-004" StreamsAreSilent "nobody is told of a stream" ["publish/told"];
    "any-media" "MEDIA-012" AnyMedia "video is published where only audio was consented to" ["publish-not-consented/refused"];
    "ticket-twice" "MEDIA-013" TicketTwice "a used ticket is taken" ["attach-used-ticket/closed"];
    "confirm-is-lost" "CALL-029" ConfirmIsLost "CONFIRM is not passed on" ["confirm/passed"];
    "wrong-offerer" "XFER-002" WrongOfferer "OFFERED names another user as its sender" ["offer/offered"];
    "decline-is-abort" "XFER-006" DeclineIsAbort "a declined offer ends as given up" ["decline/told"];
    "send-from-start" "XFER-010" SendFromStart "SEND asks for the payload from its first byte" ["receive/send"];
    "any-bulk-offset" "XFER-011" AnyBulkOffset "BULK may name any offset" ["bulk-wrong-offset/closed"];
    "short-is-abort" "XFER-016" ShortIsAbort "a payload of another size counts as given up" ["transfer-short/ended", "transfer-long/ended"];
    "progress-is-lost" "XFER-017" ProgressIsLost "PROGRESS is not passed on" ["transfer/progress"];
    "altered-digest" "XFER-018" AlteredDigest "DIGEST is altered" ["transfer/digest"];
    "mismatch-is-delivered" "XFER-019" MismatchIsDelivered "another digest counts as delivered" ["transfer-mismatch/verdict"];
    "abort-is-silent" "XFER-020" AbortIsSilent "nobody is told that a transfer was given up" ["transfer-reset/told", "transfer-given-up/told"];
    "any-transfer-id" "XFER-023" AnyTransferId "an offer under an id in use is said to be delivered" ["offer-id-in-use/refused"];
    "void-is-breach" "XFER-024" VoidIsBreach "a stream that has become void ends the session" ["bulk-void/served"];
    "payload-from-start" "XFER-027" PayloadFromStart "the receiver's BULK names the first byte" ["receive/payload"];
    "any-service-token" "SVC-003" AnyServiceToken "a service is linked with any token" ["svc-link-bad-token/refused"];
    "nobody-stands-by" "SVC-005" NobodyStandsBy "a service that stands by is told that it is active" ["svc-standby/standby"];
    "one-epoch" "SVC-006" OneEpoch "every service is active in the first epoch" ["svc-epochs/new"];
    "nothing-is-fenced" "SVC-007" NothingIsFenced "whoever acts is taken to know the epoch" ["svc-fenced/fenced"];
    "forbidden-is-delivered" "SVC-008" ForbiddenIsDelivered "a command without permission is said to be done" ["svc-forbidden/forbidden"];
    "every-verdict-is-yes" "SVC-011" EveryVerdictIsYes "VERDICT is taken for a yes" ["svc-join-denied/refused"];
    "bad-verdicts-pass" "SVC-012" BadVerdictsPass "a verdict to a question that was never asked is skipped" ["svc-verdict-of-nothing/closed"];
    "delivered-unread" "SVC-030" DeliveredUnread "data for the service is delivered before the service has acknowledged it" ["svc-data/early"];
    "any-command" "SVC-040" AnyCommand "a command whose number does not follow is skipped" ["svc-push-order/closed"];
    "push-has-a-sender" "SVC-042" PushHasASender "what the service pushes names a user" ["svc-push/brought"];
    "taken-is-forbidden" "SVC-048" TakenIsForbidden "a service is forbidden to create a room whose name is taken" ["svc-room-create-taken/refused"];
    "close-has-no-reason" "SVC-051" CloseHasNoReason "who is inside a room that the service closes is not told why" ["svc-room-kick/reason"];
    "nowhere-is-delivered" "SVC-052" NowhereIsDelivered "what is done in no room is said to be done" ["svc-room-of-nothing/ticket"];
}

/// Servers that do nothing right: they must pass no negative case.
pub const NULLS: &[&str] = &["null-closes", "null-silent", "null-garbage"];

/// The mutant of this name.
pub fn find(name: &str) -> Option<&'static Row> {
    MUTANTS.iter().find(|row| row.name == name)
}
