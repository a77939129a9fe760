import { Module } from '@nestjs/common';
import { Books } from './books.js';
import { CatalogueController } from './catalogue.controller.js';

@Module({ controllers: [CatalogueController], providers: [Books], exports: [Books] })
export class CatalogueModule {}
