"""The ladder's answers: the time used comes from where the answer was made, with the time that was allowed."""

from firmware.panel.ladder import Said, folded, paired


def test_an_answer_shows_its_time_of_the_time_allowed() -> None:
    asked = Said(10, "CurrentDemand", asks=True, first=True, text="ask")
    answered = Said(12, "CurrentDemand", asks=False, first=False, text="say", took=0.81, allowed=25.0)
    [exchange] = paired([(10.0, asked), (12.0, answered)])
    assert (exchange.took, exchange.allowed) == (0.8, 25.0)  # not the 2 ms between the two lines of the recording
    [run] = folded([exchange])
    assert (run["d"], run["a"]) == ([0.8], 25.0)


def test_a_recording_without_times_is_measured_by_its_lines() -> None:
    [exchange] = paired([(10.0, Said(10, "X", asks=True, first=True)), (12.5, Said(12, "X", asks=False, first=False))])
    assert (exchange.took, exchange.allowed) == (2.5, None)
