"""What airefinery-sdk 1.33 is known to do badly, and which test shows that our client does not.

The numbers are those of the project's notes on the SDK, which were observed with a fake server or
read in its code. A test that is renamed has to be renamed here, too.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FAULTS = "integration/test_distiller_faults.py"
SESSION = "integration/test_distiller_session.py"
REST = "integration/test_distiller_rest.py"
TALK = "integration/test_distiller_talk.py"
UNIT = "unit/distiller"

SHOWN_BY = {
    "1 a turn hangs at the second agent's voice": (
        f"{UNIT}/test_audio_loop.py",
        "test_the_sound_of_several_agents_is_heard_in_one_response",
    ),
    "2 a microphone that fails hangs the turn": (
        FAULTS,
        "test_a_microphone_that_fails_ends_the_talk_and_not_the_session",
    ),
    "3 playback delays the answers to pings": (FAULTS, "test_playback_delays_no_pong"),
    "4 an error before the session is seen after 30 s": (
        FAULTS,
        "test_an_error_before_the_session_is_raised_at_once_with_the_servers_text",
    ),
    "5 a session leaves its state to the next one": (
        SESSION,
        "test_nothing_of_a_session_is_left_to_the_next_one",
    ),
    "6 an opening that fails leaves its link open": (
        FAULTS,
        "test_an_opening_that_fails_leaves_no_link_so_that_the_next_one_succeeds",
    ),
    "7 a null ends the reading": (SESSION, "test_odd_messages_neither_end_nor_hang_a_session"),
    "8 closing loses what was sent": (SESSION, "test_closing_sends_what_was_sent_before_first"),
    "9 closing fails with an agent": (
        FAULTS,
        "test_closing_does_not_wait_for_an_agent_that_hangs",
    ),
    "10 an agent that raises or is unknown is not answered": (
        FAULTS,
        "test_an_agent_that_raises_and_one_that_is_unknown_are_answered",
    ),
    "10 agents run only while somebody iterates, and answer in Python's notation": (
        FAULTS,
        "test_an_agent_answers_while_nobody_iterates_and_is_shown_to_nobody",
    ),
    "11 an interruption hangs the iteration": (
        SESSION,
        "test_an_answer_that_is_interrupted_and_never_done_hangs_nobody",
    ),
    "11 a clean close raises": (
        FAULTS,
        "test_a_clean_close_ends_an_iteration_quietly_and_is_an_error_after_it",
    ),
    "12 a lost link is not made anew": (
        FAULTS,
        "test_a_link_that_ends_between_two_turns_is_made_anew",
    ),
    "13 REST waits for ever": (REST, "test_no_call_waits_for_ever"),
    "13 a turn waits for ever": (SESSION, "test_a_wait_may_be_limited_and_taken_up_again"),
    "13 an agent runs for ever": (FAULTS, "test_an_agent_that_hangs_is_answered_after_600_s"),
    "14 pings pile up": (
        SESSION,
        "test_pings_are_answered_and_not_shown_whether_or_not_anybody_iterates",
    ),
    "14 queues have no bound": (
        "unit/connection/link/test_queue.py",
        "test_full_at_the_bound_and_not_after_consuming",
    ),
    "15 chunks of 300 ms from the one device": (
        f"{UNIT}/test_audio_loop.py",
        "test_any_microphone_is_sent_in_chunks_as_short_as_its_own",
    ),
    "15 the rate of devices is fixed": (
        TALK,
        "test_the_sound_of_an_answer_has_the_rate_of_the_project",
    ),
    "16 sound is dropped in silence": (
        SESSION,
        "test_without_vad_sound_during_an_answer_is_refused_and_that_is_said",
    ),
    "17 nobody can interrupt, and the server is told of no playback": (
        f"{UNIT}/test_audio_loop.py",
        "test_with_vad_the_user_interrupts_and_the_turn_goes_on",
    ),
    "18 a dead link is noticed after 1,000 s": (
        FAULTS,
        "test_a_server_that_stops_pinging_in_a_turn_ends_the_session",
    ),
    "19 one session a client, one thread": (
        SESSION,
        "test_several_sessions_at_once_do_not_mix",
    ),
    "20 an empty base_url is one": (f"{UNIT}/test_account.py", "test_the_default_address"),
    "21 it prints": (REST, "test_nothing_is_printed"),
    "22 each message is checked twice": (SESSION, "test_each_message_is_decoded_once"),
    "22 a warning for every unknown type": (
        SESSION,
        "test_odd_messages_neither_end_nor_hang_a_session",
    ),
    "23 each http in the address becomes ws": (
        f"{UNIT}/test_account.py",
        "test_the_address_of_a_session",
    ),
}


@pytest.mark.parametrize(("file", "name"), SHOWN_BY.values(), ids=SHOWN_BY.keys())
def test_it_is_shown(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE)


def test_all_of_them_are_here() -> None:
    assert {int(each.partition(" ")[0]) for each in SHOWN_BY} == set(range(1, 24))
