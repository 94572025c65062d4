//! Tests of the layout: golden bytes, hostile bytes, races.
