"""What the report says of each procedure: its name, after what it was done, and how."""

from __future__ import annotations

from dataclasses import dataclass

IDENTIFIED = (
    "The pump unit, the balance and the flow sensor are asked who they are; calibration dates are "
    "checked. A unit whose instruments are out of calibration is refused before any liquid moves."
)
BLANK_BEFORE = (
    "With the pump stopped, the tubing relaxes; then the balance is read at equal intervals: the "
    "evaporation blank before."
)
SAFE = "Whatever happens, the case ends with the pump in its safe state."


@dataclass(frozen=True)
class ProcedureWords:
    "``name`` as in a sentence; ``source``: the standard and clause; ``steps`` in order, a sentence or"

    "two each."

    name: str
    source: str
    steps: tuple[str, ...]


PROCEDURES = {
    "flow_accuracy": ProcedureWords(
        "flow accuracy by weighing",
        "After IEC 60601-2-24:2012, 201.12.1.102 to 201.12.1.106. That standard excludes implantable "
        "pumps, and ISO 14708-4 leaves the method to the maker: periods, sample interval and observation"
        " windows are those of the plan.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "The pump is programmed with the rate, and the prescription is read back from the pump and "
            "compared with what was commanded. If they differ, the case ends with an error.",
            "The flow settles; the balance is read at the sample interval (start-up curve).",
            "Analysis period: the balance is read at the sample interval, the flow sensor samples "
            "continuously, the pump is asked for state, alarms and its own log every few minutes.",
            "The pump is stopped, the tubing relaxes, and the evaporation blank is weighed again. "
            "Evaporation is interpolated between the blanks and added back; what they differ by beyond "
            "their own uncertainty goes into the budget.",
            SAFE,
        ),
    ),
    "bolus": ProcedureWords(
        "single boluses by weighing",
        "After IEC 60601-2-24:2012, 201.12.1.104 (successive boluses, each weighed).",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "For each bolus: the balance is read, the bolus is programmed and read back, the pump "
            "delivers it, the wait after the bolus passes, the balance is read again. The dose is the "
            "difference, corrected for evaporation.",
            "After the last bolus the pump is stopped, the tubing relaxes, and the evaporation blank is "
            "weighed again.",
            SAFE,
        ),
    ),
    "flex_schedule": ProcedureWords(
        "a daily schedule by weighing",
        "No standard gives a method. Each step and each day of the schedule is weighed as IEC "
        "60601-2-24:2012, 201.12.1 weighs a constant rate, by the pump's own clock.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "The pump's clock is set, the schedule programmed, and the whole of it read back and "
            "compared with what was commanded.",
            "The balance is read at equal intervals and wherever another step begins; the pump is asked "
            "for state, alarms and its own log. Where the plan says so, the pump's clock is set "
            "meanwhile.",
            "After the last step the pump is stopped, the tubing relaxes, and the evaporation blank is "
            "weighed again.",
            SAFE,
        ),
    ),
    "periodic_bolus": ProcedureWords(
        "periodic boluses by weighing",
        "No standard gives a method. Each bolus is weighed as IEC 60601-2-24:2012, 201.12.1.104 weighs "
        "single ones.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "The pump is programmed once, and the prescription read back; it gives each bolus by itself.",
            "The balance is read before the first bolus and after each one, when the tubing has come to "
            "rest: a dose is the difference of two readings, corrected for evaporation.",
            "After the last bolus the pump is stopped, the tubing relaxes, and the evaporation blank is "
            "weighed again.",
            SAFE,
        ),
    ),
    "patient_bolus": ProcedureWords(
        "patient boluses: lock-out and daily maximum",
        "No standard gives a method. The rules are those of patient-controlled infusion: lock-out time "
        "and maximum in 24 h counted from the boluses granted, and a record of every request, granted or"
        " denied.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "Bolus, lock-out and maximum are set and read back; then the rate between the boluses is "
            "programmed and read back.",
            "The patient's button is pressed at the times of the plan; each answer of the pump is "
            "recorded with its time. The balance is read at equal intervals.",
            "Each answer is held against the rules, by the boluses really granted; the pump's log "
            "against the answers; the weighed volume against the rate and the granted boluses.",
            "The pump is stopped, the tubing relaxes, and the evaporation blank is weighed again.",
            SAFE,
        ),
    ),
    "priming": ProcedureWords(
        "priming and bridge by weighing",
        "No standard gives a method. Volumes are weighed as in IEC 60601-2-24:2012, 201.12.1; the drug of the bridge "
        "is computed from the volume: old drug leaves the line first, new drug after it.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "From the stopped pump the volume of tubing and catheter is primed, weighed before and after.",
            "The program is set with the new concentration and read back, the bridge bolus begun; the "
            "balance is read at equal intervals, and once more when the tubing has come to rest.",
            "Nothing more is told to the pump: its program must resume by itself. It is weighed and "
            "asked for its state.",
            "The pump is stopped, the tubing relaxes, and the evaporation blank is weighed again.",
            SAFE,
        ),
    ),
    "refill_cycle": ProcedureWords(
        "one filling of the reservoir, by weighing",
        "No standard gives a method. It follows the check at every refill in the labelling of implantable pumps; the "
        "content is what was filled in less what was weighed.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "The pump is told what its reservoir was filled with and where its low alarm comes; then the "
            "rate is programmed and read back.",
            "The balance is read at equal intervals, and the pump asked for its count, alarms and log, "
            "until well after the reservoir has run empty.",
            "The pump is stopped, the tubing relaxes, and the evaporation blank is weighed again.",
            SAFE,
        ),
    ),
    "endurance": ProcedureWords(
        "endurance by weighing",
        "No standard gives a method. Each filling is weighed as IEC 60601-2-24:2012, 201.12.1 weighs a "
        "constant rate, by the schedule and the pump's own clock.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "The pump's clock is set. For each filling the pump is told what its reservoir holds, the "
            "schedule is programmed and the whole of it read back.",
            "The balance is read at equal intervals, and the pump asked for its count, alarms and log.",
            "Between two fillings the pump is stopped, the tubing relaxes and the evaporation blank is "
            "weighed: each filling lies between two blanks of its own. Then the reservoir is filled, and "
            "the vessel may be emptied.",
            "The pump's log is laid beside what it was told, entry by entry.",
            SAFE,
        ),
    ),
    "occlusion": ProcedureWords(
        "occlusion",
        "After IEC 60601-2-24:2012, 201.12.4.4 (time to the occlusion alarm, pressure, bolus released).",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "The pump delivers; then a valve closes the line. Pump and pressure transmitter are asked every few "
            "seconds until the pump alarms, the pressure reaches the plan's bound, or the wait is over.",
            "The pump is stopped with the line still closed, the balance is read, the line is opened, and what "
            "comes out is weighed.",
            "The pump is stopped, the tubing relaxes, and the evaporation blank is weighed again.",
            SAFE,
        ),
    ),
    "still": ProcedureWords(
        "flow of the stopped pump",
        "No standard gives a method; IEC 60601-2-24:2012, 201.12.4.1 and 201.12.4.3 ask for protection against free "
        "flow and reverse flow.",
        (
            IDENTIFIED,
            "With the pump stopped and the line closed by a valve, the balance is read at equal intervals: the "
            "evaporation blank before. No flow can be taken for evaporation.",
            "The pump delivers and is stopped. With the line open, the balance is read at equal intervals.",
            "The line is closed, and the evaporation blank is weighed again.",
            SAFE,
        ),
    ),
    "disturbance": ProcedureWords(
        "disturbance and recovery",
        "No standard gives a method; ISO 14708-4 asks for protection against magnetic fields and for safe behaviour "
        "after a failure of power.",
        (
            IDENTIFIED,
            BLANK_BEFORE,
            "The pump is programmed, the prescription read back, and its delivery weighed.",
            "At the planned time a magnet is held to the pump, its power is taken away, or it is reset, for as long "
            "as the plan says; then it is undone. The pump is asked every few seconds, as far as it answers, until "
            "it should have recovered; then its program is read back.",
            "The delivery is weighed again; before and after are compared with the rate, what lies between is not.",
            "The pump is stopped, the tubing relaxes, and the evaporation blank is weighed again.",
            SAFE,
        ),
    ),
    "battery": ProcedureWords(
        "battery",
        "No standard gives a method; ISO 14708-4 asks for an indicator before the end of service.",
        (
            "The pump and the meters are asked who they are. A source-meter stands in the place of the battery.",
            "The current is read with the pump stopped and at each rate; the life is the rated charge over the "
            "current at the first rate.",
            "The voltage is lowered in steps; at each the pump is asked for its alarms. Where the plan says so, the "
            "last voltage is kept until the end of service.",
            SAFE,
        ),
    ),
    "python": ProcedureWords(
        "Python test functions",
        "Each case is a function of the Python file that the run folder keeps in its folder python; what it "
        "does stands there. It states measured values with their uncertainty, and the rig decides on them.",
        (
            IDENTIFIED,
            "The function commands the pump through the interlock; what it commands, weighs and asks is recorded.",
            "Each value that it verifies is recorded with its expanded uncertainty and its limit, and judged from the "
            "record when the function has ended. An assertion that does not hold is a FAIL.",
            SAFE,
        ),
    ),
}
