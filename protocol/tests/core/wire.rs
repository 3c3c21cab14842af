//! Chapter "Wire format".
