"""Who may draw what, and when: charging profiles and the schedules that follow from them."""
