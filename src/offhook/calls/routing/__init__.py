"""Who answers a call, decided from documents."""
