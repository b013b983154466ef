"""Falls and daily activities from body segment kinematics: no figure of detection quality may come from here."""
