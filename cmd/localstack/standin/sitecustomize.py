"""Mends the stand-in for AWS where it fires schedules.

EventBridge Scheduler writes the time that an entry was due into its target's input,
in the place of "<aws.scheduler.scheduled-time>"
(docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html).
The stand-in hands the text over as it is. Python imports this file by itself when it
lies on its path.
"""

import os
import time

if os.environ.get("GATEWAY_PORT"):  # in the stand-in itself, not in what it starts
    from ministack.services import eventbridge

    hand_over = eventbridge._invoke_target

    def with_time(target, event, *rest, **named):
        if event.get("Source") == "aws.scheduler" and "Input" in target:
            due = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(event["Time"]))
            target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", due)}
        return hand_over(target, event, *rest, **named)

    eventbridge._invoke_target = with_time
