"""SeatSync: seats from Duo and Avanan reconciled with ConnectWise agreement additions."""
